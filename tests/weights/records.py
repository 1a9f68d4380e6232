"""What a run of `make verify-weights` would have written down."""

from __future__ import annotations

from ocr_api.weights import Found, Verification, fingerprint_of


def verification_of(found: Found, quantization: str) -> Verification:
    """Weights that read a page well in this quantization."""
    return Verification(
        fingerprint=fingerprint_of(found),
        revision=found.revision,
        quantization=quantization,
        device="cpu",
        median_cer=0.01,
        bound=0.1,
        pages={"page.png": 0.01},
        load_s=1.0,
        page_s=2.0,
        memory_mib=300,
        versions={"torch": "2"},
        verified_at="2026-01-01T00:00:00Z",
    )

"""Writes down which weights have really read pages, and tells whether those here are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ocr_api.weights.lock import alone, write_whole
from ocr_api.weights.lookup import Found
from ocr_api.weights.verification import signature_of

VERIFIED = "verified.json"
"""In `MODELS_DIR`: what `make verify-weights` found."""
_LAYOUT = 1


@dataclass(frozen=True, slots=True)
class Verification:
    """A run that read pages well with a model's weights.

    Attributes:
        fingerprint: Of the files; see `fingerprint_of`.
        revision: Commit of the weights; None = a plain folder that does not say.
        quantization: With which they were loaded; each is verified by itself.
        device: Where: `cuda` or `cpu`.
        median_cer: Of the pages that counted; edits per character, 0 = all exact.
        bound: What the median was held against.
        pages: Character error rate by file, of the pages that counted.
        load_s: Seconds to load.
        page_s: Seconds a page, the median.
        memory_mib: Measured once it was loaded.
        versions: Of this service and the libraries it read with.
        verified_at: ISO 8601 in UTC.
    """

    fingerprint: str
    revision: str | None
    quantization: str
    device: str
    median_cer: float
    bound: float
    pages: Mapping[str, float]
    load_s: float
    page_s: float
    memory_mib: int
    versions: Mapping[str, str]
    verified_at: str


@dataclass(frozen=True, slots=True)
class _Record:
    version: int
    models: dict[str, dict[str, Verification]]


_RECORD_FORM = TypeAdapter(_Record)  # built at import: building it reads files


def fingerprint_of(found: Found) -> str:
    """Gives what changes with any file of the weights: a digest of names, sizes, times, revision.

    A copy with other times of change counts as other weights: they were not seen reading.
    """
    folders = [found.folder, *([found.adapter_folder] if found.adapter_folder else [])]
    seen = [found.revision, *(signature_of(folder) for folder in folders)]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def verifications(models_dir: Path) -> Mapping[str, Mapping[str, Verification]]:
    """Gives the verifications by model id and quantization; a damaged record holds none."""
    try:
        return _RECORD_FORM.validate_json((models_dir / VERIFIED).read_bytes()).models
    except (OSError, ValidationError):
        return {}


def is_verified(models_dir: Path, model_id: str, found: Found, quantization: str) -> bool:
    """Tells whether these very weights were verified in this quantization; blocking."""
    known = verifications(models_dir).get(model_id, {}).get(quantization)
    return known is not None and known.fingerprint == fingerprint_of(found)


def record_verification(models_dir: Path, model_id: str, verification: Verification) -> None:
    """Writes down a verification in place of an earlier one; on the disk when it returns."""
    models_dir.mkdir(parents=True, exist_ok=True)
    with alone(models_dir):
        models = {model: dict(known) for model, known in verifications(models_dir).items()}
        models.setdefault(model_id, {})[verification.quantization] = verification
        record = asdict(_Record(_LAYOUT, models))
        text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False)
        write_whole(models_dir / VERIFIED, f"{text}\n".encode())

"""QARI-OCR: Arabic pages with Qwen2-VL."""

PROMPT = (
    "Below is the image of one page of a document, as well as some raw textual content that was "
    "previously extracted for it. Just return the plain text representation of this document as if "
    "you were reading it naturally. Do not hallucinate."
)
"""The sentence that QARI was trained with (model card of Qari-OCR-v0.3-VL-2B-Instruct)."""

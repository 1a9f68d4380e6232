"""The prompts that the small checkpoints were trained with: the service's own, word for word."""

from __future__ import annotations

QARI_PROMPT = (
    "Below is the image of one page of a document, as well as some raw textual content that was "
    "previously extracted for it. Just return the plain text representation of this document as "
    "if you were reading it naturally. Do not hallucinate."
)
"""The sentence of QARI's authors (model card of Qari-OCR-v0.3-VL-2B-Instruct)."""

DEEPSEEK_TEXT_PROMPT = "<image>\nFree OCR."
DEEPSEEK_MARKDOWN_PROMPT = "<image>\n<|grounding|>Convert the document to markdown."
"""As transformers documents DeepSeek-OCR-2; the authors' own code strips the trailing space."""

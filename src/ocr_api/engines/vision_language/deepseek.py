"""DeepSeek-OCR 2: plain text, or Markdown with the place of every part."""

TEXT_PROMPT = "<image>\nFree OCR."
LAYOUT_PROMPT = "<image>\n<|grounding|>Convert the document to markdown."
"""The prompts of the model card, without the trailing space that its code strips."""

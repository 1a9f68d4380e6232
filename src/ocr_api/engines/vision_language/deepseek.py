"""DeepSeek-OCR 2: plain text, or Markdown with the place of every part."""

from __future__ import annotations

from typing import Any, ClassVar

from PIL import Image
from transformers import DeepseekOcr2ForConditionalGeneration, DeepseekOcr2Processor

from ocr_api.engines.vision_language.base import Ask, VisionLanguageEngine
from ocr_api.engines.vision_language.batches import Inputs
from ocr_api.engines.vision_language.grounding import grounded_page
from ocr_api.engines.vision_language.ngram_guard import NgramRule
from ocr_api.pages import PageImage, PageText

TEXT_PROMPT = "<image>\nFree OCR."
LAYOUT_PROMPT = "<image>\n<|grounding|>Convert the document to markdown."
"""The prompts of the model card, without the trailing space that its code strips."""

PROMPTS = {"text": TEXT_PROMPT, "markdown": LAYOUT_PROMPT, "layout": LAYOUT_PROMPT}
IMAGE_TOKEN = "<image>"  # noqa: S105 (a mark in the prompt)

_NGRAM_TOKENS = 30
_NGRAM_WINDOW = 90
_CELL_MARKS = ("<td>", "</td>")
"""The authors' rule against repetition (their recipe for vLLM): table cells may repeat."""


class DeepSeekEngine(VisionLanguageEngine):
    """DeepSeek-OCR 2 in transformers' own classes (not v1, which `deepseek_v1` runs).

    Modes: `text`; `markdown` and `layout` ask for Markdown with boxes: `layout` gives blocks with
    their labels and boxes, `markdown` the same and no more than that. A caller's own prompt is put
    behind the picture.
    """

    modes: ClassVar[tuple[str, ...]] = ("text", "markdown", "layout")
    full_precision: ClassVar[tuple[str, ...]] = (
        "model.vision_tower",
        "model.multi_modal_projector",
        "lm_head",
    )
    max_new_tokens: ClassVar[int] = 8192
    picture_tokens: ClassVar[int] = 1200
    vision_mib: ClassVar[int] = 1700  # a whole view and six tiles, measured

    def model_class(self) -> Any:
        """See the base."""
        return DeepseekOcr2ForConditionalGeneration

    def load_processor(self, folder: str) -> Any:
        """See the base."""
        processor: Any = DeepseekOcr2Processor
        return processor.from_pretrained(folder, backend="pil", local_files_only=True)

    def inputs_of(self, picture: Image.Image, ask: Ask) -> Inputs:
        """Asks in the words of the mode, or in the caller's."""
        own = f"{IMAGE_TOKEN}\n{ask.prompt.strip()}" if ask.prompt else None
        prompt = own or PROMPTS[ask.mode]
        return dict(self.processor(images=[picture], text=[prompt], return_tensors="pt"))

    def page_text(self, answer: str, page: PageImage, ask: Ask) -> PageText:
        """Gives blocks with boxes where the model tells them."""
        del ask
        return grounded_page(answer, page)

    def ngram_rule(self) -> NgramRule:
        """See the base."""
        return cell_tolerant_rule(self.tokenizer)

    def keeps_special(self, ask: Ask) -> bool:
        """Keeps the marks of boxes, which are special tokens."""
        return ask.mode != "text" or ask.prompt is not None


def cell_tolerant_rule(tokenizer: Any) -> NgramRule:
    """Gives DeepSeek's rule: no run of 30 tokens twice among 90, except the marks of cells."""
    cells = (tokenizer.encode(mark, add_special_tokens=False) for mark in _CELL_MARKS)
    allowed = frozenset(ids[0] for ids in cells if len(ids) == 1)
    return NgramRule(_NGRAM_TOKENS, _NGRAM_WINDOW, allowed)

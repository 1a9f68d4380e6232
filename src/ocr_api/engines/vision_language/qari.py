"""QARI-OCR: Arabic pages with Qwen2-VL."""

from __future__ import annotations

from typing import Any, ClassVar

from PIL import Image
from transformers import AutoImageProcessor, Qwen2VLForConditionalGeneration, Qwen2VLProcessor

from ocr_api.engines.vision_language.answer_forms import html_page
from ocr_api.engines.vision_language.base import Ask, VisionLanguageEngine
from ocr_api.engines.vision_language.batches import Inputs
from ocr_api.engines.vision_language.processors import picture_only_processor
from ocr_api.engines.vision_language.strips import StripRule
from ocr_api.pages import PageImage, PageText

PROMPT = (
    "Below is the image of one page of a document, as well as some raw textual content that was "
    "previously extracted for it. Just return the plain text representation of this document as if "
    "you were reading it naturally. Do not hallucinate."
)
"""The sentence that QARI was trained with (model card of Qari-OCR-v0.3-VL-2B-Instruct)."""

_MAX_PIXELS = 1280 * 28 * 28
"""About 1280 image tokens: a page at 120 dpi. The processor's own 12.8 megapixels need 16,384
tokens and gigabytes of activations."""


class QariEngine(VisionLanguageEngine):
    """Qwen2-VL as QARI's authors tuned it.

    Settings: `min_pixels`, `max_pixels` bound the picture, `max_new_tokens` the answer (the
    authors' README uses 2000, their evaluation 4000). Modes: `text`, `markdown`; both ask the
    same, and Markdown is made of the markup in the answer.
    """

    modes: ClassVar[tuple[str, ...]] = ("text", "markdown")
    full_precision: ClassVar[tuple[str, ...]] = ("model.visual", "lm_head")
    max_new_tokens: ClassVar[int] = 2000
    picture_tokens: ClassVar[int] = 1500
    pieces: ClassVar[StripRule] = StripRule(most_aspect=3.0, most_pixels=12_000_000)
    vision_mib: ClassVar[int] = 300  # at `_MAX_PIXELS`, measured

    def model_class(self) -> Any:
        """See the base."""
        return Qwen2VLForConditionalGeneration

    def load_processor(self, folder: str) -> Any:
        """See the base."""
        return picture_only_processor(Qwen2VLProcessor, folder, **self._pixel_limits(folder))

    def inputs_of(self, picture: Image.Image, ask: Ask) -> Inputs:
        """Asks in the chat template of the checkpoint."""
        words = [{"type": "image"}, {"type": "text", "text": ask.prompt or PROMPT}]
        prompt = self.processor.apply_chat_template(
            [{"role": "user", "content": words}], add_generation_prompt=True, tokenize=False
        )
        return dict(self.processor(text=[prompt], images=[picture], return_tensors="pt"))

    def page_text(self, answer: str, page: PageImage, ask: Ask) -> PageText:
        """Gives plain text without the markup that v0.3 answers with, and Markdown made of it."""
        del ask
        return html_page(answer, page)

    def _pixel_limits(self, folder: str) -> dict[str, int]:
        """Gives the limits of the entry, else those of the checkpoint where they are lower."""
        named = {
            name: self.settings.number(name, 0)
            for name in ("min_pixels", "max_pixels")
            if name in self.settings.values
        }
        pictures: Any = AutoImageProcessor
        own = pictures.from_pretrained(folder, backend="pil", local_files_only=True)
        return {"max_pixels": min(_MAX_PIXELS, own.size["longest_edge"]), **named}

"""QARI-OCR: Arabic pages with Qwen2-VL."""

from __future__ import annotations

from typing import Any, ClassVar

from PIL import Image
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    Qwen2VLForConditionalGeneration,
    Qwen2VLProcessor,
)
from transformers.processing_utils import ProcessorMixin

from ocr_api.engines.vision_language.base import Ask, VisionLanguageEngine
from ocr_api.engines.vision_language.batches import Inputs
from ocr_api.engines.vision_language.markup import markdown_of_html, text_of_html
from ocr_api.engines.vision_language.plain_page import plain_page
from ocr_api.pages import PageImage, PageText

PROMPT = (
    "Below is the image of one page of a document, as well as some raw textual content that was "
    "previously extracted for it. Just return the plain text representation of this document as if "
    "you were reading it naturally. Do not hallucinate."
)
"""The sentence that QARI was trained with (model card of Qari-OCR-v0.3-VL-2B-Instruct)."""

_MIN_PIXELS = 56 * 56
_MAX_PIXELS = 1280 * 28 * 28
"""About 1280 image tokens: a page at 120 dpi. The processor's own 12.8 megapixels need 16,384
tokens and gigabytes of activations."""


class ImageOnlyQwen2VLProcessor(Qwen2VLProcessor):  # type: ignore[misc]
    """transformers' processor without its video processor, which needs torchvision."""

    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None
    ) -> None:
        self.image_token = getattr(tokenizer, "image_token", "<|image_pad|>")
        self.video_token = getattr(tokenizer, "video_token", "<|video_pad|>")
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)


class QariEngine(VisionLanguageEngine):
    """Qwen2-VL as QARI's authors tuned it.

    Settings: `min_pixels`, `max_pixels` bound the picture, `max_new_tokens` the answer (the
    authors' README uses 2000, their evaluation 4000). Modes: `text`, `markdown`; both ask the
    same, and Markdown is made of the markup in the answer.
    """

    modes: ClassVar[tuple[str, ...]] = ("text", "markdown")
    full_precision: ClassVar[tuple[str, ...]] = ("model.visual", "lm_head")
    max_new_tokens: ClassVar[int] = 2000

    def model_class(self) -> Any:
        """See the base."""
        return Qwen2VLForConditionalGeneration

    def load_processor(self, folder: str) -> Any:
        """See the base."""
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        pictures = AutoImageProcessor.from_pretrained(
            folder, backend="pil", local_files_only=True, **self.pixel_limits()
        )
        return ImageOnlyQwen2VLProcessor(pictures, tokenizer, tokenizer.chat_template)

    def pixel_limits(self) -> dict[str, int]:
        """Gives the limits of the entry; those of the checkpoint stay where it has none."""
        names = ("min_pixels", "max_pixels")
        return {name: self.settings.number(name, 0) for name in names if name in self._values}

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
        return plain_page(text_of_html(answer), page, formatted_text=markdown_of_html(answer))

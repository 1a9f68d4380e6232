"""GOT-OCR 2.0: printed text, formulas, tables, sheet music."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from PIL import Image
from transformers import GotOcr2ForConditionalGeneration, GotOcr2Processor

from ocr_api.engines.vision_language.answer_forms import latex_page, text_page
from ocr_api.engines.vision_language.base import Ask, VisionLanguageEngine
from ocr_api.engines.vision_language.batches import Inputs
from ocr_api.pages import PageImage, PageText

_END = "<|im_end|>"
"""Ends an answer; the published generation config names another token."""
_MAX_PATCHES = 12


class GotEngine(VisionLanguageEngine):
    """GOT-OCR 2.0 in transformers' own classes.

    Modes: `text`; `markdown` gives markup (LaTeX for formulas and tables); `cropped` reads dense
    pages as patches, of which the setting `max_patches` gives the most. The option `box`, pixels
    `[left, top, right, bottom]`, asks for one part of the page.
    """

    modes: ClassVar[tuple[str, ...]] = ("text", "markdown", "cropped")
    full_precision: ClassVar[tuple[str, ...]] = (
        "model.vision_tower",
        "model.multi_modal_projector",
        "lm_head",
    )
    max_new_tokens: ClassVar[int] = 4096
    picture_tokens: ClassVar[int] = 300
    vision_mib: ClassVar[int] = 2400  # one view of 1024 x 1024, eager attention, measured

    def model_class(self) -> Any:
        """See the base."""
        return GotOcr2ForConditionalGeneration

    def load_processor(self, folder: str) -> Any:
        """See the base."""
        processor: Any = GotOcr2Processor
        return processor.from_pretrained(folder, backend="pil", local_files_only=True)

    def inputs_of(self, picture: Image.Image, ask: Ask) -> Inputs:
        """Lets the processor write the prompt, as it was written in training."""
        options: dict[str, Any] = {"format": ask.mode == "markdown"}
        if ask.mode == "cropped":
            options["crop_to_patches"] = True
            options["max_patches"] = self.settings.number("max_patches", _MAX_PATCHES)
        box = ask.extra.get("box")
        if isinstance(box, (list, tuple)):
            options["box"] = [int(str(edge)) for edge in cast("list[object]", box)]
        return dict(self.processor(picture, return_tensors="pt", **options))

    def end_tokens(self) -> frozenset[int]:
        """See the base."""
        return super().end_tokens() | {self.tokenizer.convert_tokens_to_ids(_END)}

    def stable_part(self, answer: str, ask: Ask) -> str:
        """Waits for the end of a line of LaTeX, whose commands mean something when closed."""
        return answer[: answer.rfind("\n") + 1] if ask.mode == "markdown" else answer

    def page_text(self, answer: str, page: PageImage, ask: Ask) -> PageText:
        """Keeps the LaTeX of a formatted answer beside its words."""
        return latex_page(answer, page) if ask.mode == "markdown" else text_page(answer, page)

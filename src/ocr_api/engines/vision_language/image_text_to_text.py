"""Any model that transformers' auto classes know, told by its catalog entry alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import transformers
from PIL import Image

from ocr_api.engines.vision_language.answer_forms import FORMS
from ocr_api.engines.vision_language.base import Ask, VisionLanguageEngine
from ocr_api.engines.vision_language.batches import Inputs
from ocr_api.engines.vision_language.ngram_guard import NgramRule
from ocr_api.engines.vision_language.pictures import within_pixels
from ocr_api.engines.vision_language.processors import load_picture_processor
from ocr_api.engines.vision_language.settings import EngineSettings
from ocr_api.errors import ModelLoadError
from ocr_api.pages import PageImage, PageText

_DECODER_NAMES = frozenset(("language_model", "text_model"))


class ImageTextToTextEngine(VisionLanguageEngine):
    """A model of transformers that nothing here knows.

    Settings (all optional but `prompts`):

    - `prompts`: a table, mode to prompt; the first mode is the default, an empty prompt asks
      with the picture alone.
    - `template`: `chat` puts the prompt into the checkpoint's chat template, `raw` gives it to the
      processor as it is, with the checkpoint's own mark for the picture in it.
    - `model_class`, `processor_class`: names in transformers, where the auto classes guess wrong.
    - `processor_options`: what the processor is called with besides.
    - `max_pixels`: a larger picture is shrunk; `strip_aspect`, `strip_pixels`: a page that is
      taller by its width, or larger, is cut into strips.
    - `max_new_tokens`, `picture_tokens`, `vision_mib`: bounds, see the base.
    - `no_repeat_ngram`: `[size, window]`, see `NgramRule`.
    - `answer`: how answers become pages, a name in `answer_forms`; `answers`: the same by mode.
    - `keep_special_tokens`: whether they are part of the answer.
    - `end_strings`: further tokens that end an answer.
    - `full_precision`: full paths of modules that are not quantized; left out, all outside the
      text decoder.
    """

    def load(self) -> Any:
        """Reads the entry's bounds, then loads as every model does."""
        settings = EngineSettings.of(self._values)
        self._prompts = {mode: str(text) for mode, text in settings.mapping("prompts").items()}
        if not self._prompts:
            raise ModelLoadError("The model's catalog entry has no prompts.")
        self._check_forms(settings)
        return super().load()

    def model_class(self) -> Any:
        """See the base."""
        return _named_class(self.settings.text("model_class", "AutoModelForImageTextToText"))

    def load_processor(self, folder: str) -> Any:
        """See the base."""
        name = self.settings.text("processor_class", "")
        return load_picture_processor(folder, _named_class(name) if name else None)

    def inputs_of(self, picture: Image.Image, ask: Ask) -> Inputs:
        """Asks in the words of the entry, or in the caller's."""
        most = self.settings.number("max_pixels", 0)
        picture = within_pixels(picture, most) if most else picture
        prompt = ask.prompt or self._prompts[ask.mode]
        options = dict(self.settings.mapping("processor_options"))
        if self.settings.text("template", "chat") == "chat":
            words = [{"type": "image"}, *([{"type": "text", "text": prompt}] if prompt else [])]
            prompt = self.processor.apply_chat_template(
                [{"role": "user", "content": words}], add_generation_prompt=True, tokenize=False
            )
        return dict(self.processor(text=[prompt], images=[picture], return_tensors="pt", **options))

    def page_text(self, answer: str, page: PageImage, ask: Ask) -> PageText:
        """Turns the answer into a page as the entry says."""
        forms = self.settings.mapping("answers")
        return FORMS[str(forms.get(ask.mode, self.settings.text("answer", "text")))](answer, page)

    def unquantized(self, model: Any) -> tuple[str, ...]:
        """Gives what the entry names, else all parts beside the text decoder."""
        named = super().unquantized(model)
        if named:
            return named
        parts = [name for name, _ in model.base_model.named_children()]
        return ("lm_head", *(f"model.{name}" for name in parts if name not in _DECODER_NAMES))

    def end_tokens(self) -> frozenset[int]:
        """See the base."""
        named = self.settings.texts("end_strings")
        return super().end_tokens() | {self.tokenizer.convert_tokens_to_ids(one) for one in named}

    def ngram_rule(self) -> NgramRule | None:
        """See the base."""
        found = self.settings.texts("no_repeat_ngram")
        return NgramRule(int(found[0]), int(found[1])) if len(found) == 2 else None

    def keeps_special(self, ask: Ask) -> bool:
        """See the base."""
        del ask
        return self.settings.values.get("keep_special_tokens") is True

    def mode_names(self) -> tuple[str, ...]:
        """See the base."""
        return tuple(self._prompts)

    def _check_forms(self, settings: EngineSettings) -> None:
        forms: Mapping[str, object] = settings.mapping("answers")
        for form in (settings.text("answer", "text"), *map(str, forms.values())):
            if form not in FORMS:
                msg = f"The model's setting answer is '{form}'; allowed: {', '.join(FORMS)}."
                raise ModelLoadError(msg)


def _named_class(name: str) -> Any:
    found = getattr(transformers, name, None)
    if found is None or not hasattr(found, "from_pretrained"):
        msg = f"transformers has no class '{name}'."
        raise ModelLoadError(msg)
    return found

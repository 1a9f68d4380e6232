"""The engine that all vision-language models share; each model says what is its own."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from PIL import Image

from ocr_api.engines.base import Footprint, ReadOptions, stopped_page
from ocr_api.engines.vision_language.batches import Inputs
from ocr_api.engines.vision_language.free_memory import forget_peak, free_mib, peak_mib
from ocr_api.engines.vision_language.generation import Answer, Decoding, Listeners, generate
from ocr_api.engines.vision_language.loading import LoadedModel, load_model
from ocr_api.engines.vision_language.memory import (
    MemoryNeed,
    Workload,
    cache_shape,
    check_fits,
    memory_need,
)
from ocr_api.engines.vision_language.ngram_guard import NgramRule
from ocr_api.engines.vision_language.pictures import is_blank
from ocr_api.engines.vision_language.plain_page import plain_page
from ocr_api.engines.vision_language.reading import Reading
from ocr_api.engines.vision_language.settings import EngineSettings
from ocr_api.engines.vision_language.strips import StripRule
from ocr_api.engines.vision_language.tensor_files import TensorHead, config_of, tensors_of
from ocr_api.errors import EngineError, EngineMemoryError, ModelLoadError
from ocr_api.pages import PageImage, PageText


@dataclass(frozen=True, slots=True)
class Ask:
    """What the model is asked for.

    Attributes:
        mode: One of the engine's modes.
        prompt: The caller's own prompt; None = the one of the mode.
        extra: Options of one engine alone.
    """

    mode: str
    prompt: str | None
    extra: Mapping[str, object]


class VisionLanguageEngine(ABC):
    """Loads a model of transformers and reads pages with it; see `Engine`.

    A subclass names its class and processor, and turns a picture into inputs and an answer into
    a page. What is not overridden reads plain text.
    """

    modes: ClassVar[tuple[str, ...]] = ("text",)
    """What it may be asked for, the default first."""
    full_precision: ClassVar[tuple[str, ...]] = ()
    """Full paths of the modules that are not quantized."""
    max_new_tokens: ClassVar[int] = 2000
    picture_tokens: ClassVar[int] = 1500
    """Most tokens of one picture and its prompt."""
    vision_mib: ClassVar[int] = 1000
    """Peak of encoding one picture on a GPU."""
    pieces: ClassVar[StripRule] = StripRule(most_aspect=3.0, most_pixels=40_000_000)
    """What is read in one piece; other pages are cut into strips."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        self._values = settings
        self._settings: EngineSettings | None = None
        self._loaded: LoadedModel | None = None
        self._processor: Any = None

    def load(self) -> Footprint:
        """Loads processor and weights; see `Engine.load`."""
        settings = EngineSettings.of(self._values)
        self._settings = settings
        if settings.device == "cuda" and not torch.cuda.is_available():
            raise ModelLoadError("The model is to run on a GPU, and PyTorch finds none here.")
        self._check_memory(settings)
        try:
            self._processor = self.load_processor(str(settings.folder))
        except (OSError, ValueError, KeyError, ImportError) as exc:
            msg = f"The processor in {settings.folder} cannot be loaded: {exc}"
            raise ModelLoadError(msg) from exc
        self._loaded = load_model(self.model_class(), settings, full_precision=self.unquantized)
        forget_peak(settings.device)
        return self._loaded.footprint

    def peak_mib(self) -> int | None:
        """Gives the most that was taken since loading; see `TellsPeak`."""
        return None if self._settings is None else peak_mib(self._settings.device)

    def read(
        self,
        pages: Sequence[PageImage],
        *,
        options: ReadOptions,
        on_text: Callable[[int, str], None],
        should_stop: Callable[[int], bool],
    ) -> Sequence[PageText]:
        """Reads upright pages; see `Engine.read`."""
        reading = Reading(self, self._ask(options), pages, on_text, should_stop)
        for index, page in enumerate(pages):
            if should_stop(index):
                reading.texts[index] = stopped_page(page)
            elif is_blank(page):
                reading.texts[index] = PageText(page.width_px, page.height_px)
            else:
                reading.add(index)
        reading.run(self.settings.batch_pages)
        return [reading.texts[index] for index in range(len(pages))]

    def close(self) -> None:
        """Frees the model; may be called twice."""
        self._loaded = self._processor = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    # What a model may say of itself.

    @abstractmethod
    def model_class(self) -> Any:
        """Gives the class that has `from_pretrained`."""

    @abstractmethod
    def load_processor(self, folder: str) -> Any:
        """Gives the processor of the folder, free of torchvision."""

    @abstractmethod
    def inputs_of(self, picture: Image.Image, ask: Ask) -> Inputs:
        """Gives the processor's tensors for one picture."""

    def page_text(self, answer: str, page: PageImage, ask: Ask) -> PageText:
        """Gives the page that an answer, or the beginning of one, tells."""
        del ask
        return plain_page(answer, page)

    def unquantized(self, model: Any) -> tuple[str, ...]:
        """Gives the full paths of the modules of a model that are not quantized."""
        del model
        return self.settings.texts("full_precision", self.full_precision)

    def mode_names(self) -> tuple[str, ...]:
        """Gives what the model may be asked for, the default first."""
        return self.modes

    def end_tokens(self) -> frozenset[int]:
        """Gives the token ids that end an answer."""
        return self.loaded.end_tokens | {self.tokenizer.eos_token_id} - {None}

    def ngram_rule(self) -> NgramRule | None:
        """Gives the rule against repetition; None = there is none."""
        return None

    def keeps_special(self, ask: Ask) -> bool:
        """Tells whether special tokens are part of the answer."""
        del ask
        return False

    # What they may ask the engine for.

    @property
    def settings(self) -> EngineSettings:
        """What the catalog entry and the worker say."""
        if self._settings is None:
            raise EngineError("The model was not loaded.")
        return self._settings

    @property
    def loaded(self) -> LoadedModel:
        """The model."""
        if self._loaded is None:
            raise EngineError("The model was not loaded.")
        return self._loaded

    @property
    def processor(self) -> Any:
        """Its processor."""
        return self._processor

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""
        return self._processor.tokenizer

    def answers(
        self, pictures: Sequence[Image.Image], ask: Ask, listeners: Listeners
    ) -> list[Answer]:
        """Gives the model's answers to pictures, read together.

        Raises:
            EngineMemoryError: The pictures do not fit, not even one at a time.
            EngineError: The model failed.
        """
        try:
            singles = [self._on_device(self.inputs_of(picture, ask)) for picture in pictures]
            return generate(
                self.loaded.model, self.tokenizer, singles, self._decoding(ask), listeners
            )
        except (torch.OutOfMemoryError, MemoryError) as exc:
            torch.cuda.empty_cache()
            msg = f"The model ran out of memory reading {len(pictures)} page(s) together."
            raise EngineMemoryError(msg) from exc

    def stable_part(self, answer: str, ask: Ask) -> str:
        """Gives the beginning of an unfinished answer whose meaning will not change."""
        del ask
        return answer

    def strip_rule(self, ask: Ask) -> StripRule:
        """Tells which pages are cut; settings `strip_aspect`, `strip_pixels` change the rule."""
        del ask
        return StripRule(
            float(self.settings.text("strip_aspect", str(self.pieces.most_aspect))),
            self.settings.number("strip_pixels", self.pieces.most_pixels),
        )

    def memory_need(
        self,
        settings: EngineSettings,
        tensors: Sequence[TensorHead],
        config: Mapping[str, object],
    ) -> MemoryNeed:
        """Computes what the model takes on its device while it reads; nothing need be loaded.

        Args:
            settings: As it would be loaded.
            tensors: Its weights, by name and shape.
            config: Its `config.json`.
        """
        answer_tokens = settings.number("max_new_tokens", self.max_new_tokens)
        work = Workload(
            device=settings.device,
            quantization=settings.quantization,
            pages=settings.batch_pages,
            tokens=self.picture_tokens + answer_tokens,
            vision_mib=self.vision_mib,
        )
        return memory_need(tensors, cache_shape(config), work)

    def _check_memory(self, settings: EngineSettings) -> None:
        folder = settings.folder
        need = self.memory_need(settings, tensors_of(folder), config_of(folder))
        check_fits(need, free_mib(settings.device), settings.device)

    def _decoding(self, ask: Ask) -> Decoding:
        end_tokens = self.end_tokens()
        pad = self.loaded.pad_token_id
        return Decoding(
            max_new_tokens=self.settings.number("max_new_tokens", self.max_new_tokens),
            end_tokens=end_tokens,
            pad_token_id=pad if pad is not None else min(end_tokens),
            ngram_rule=self.ngram_rule(),
            keeps_special=self.keeps_special(ask),
        )

    def _on_device(self, inputs: Inputs) -> dict[str, Any]:
        device, dtype = self.settings.device, self.loaded.dtype

        def moved(value: Any) -> Any:
            if not isinstance(value, torch.Tensor):
                return value
            return value.to(device, dtype) if value.is_floating_point() else value.to(device)

        return {name: moved(value) for name, value in inputs.items()}

    def _ask(self, options: ReadOptions) -> Ask:
        modes = self.mode_names()
        mode = options.prompt_mode or modes[0]
        if mode not in modes:
            msg = f"This model has no prompt mode '{mode}'; it has {', '.join(modes)}."
            raise EngineError(msg)
        return Ask(mode, options.prompt, options.extra)

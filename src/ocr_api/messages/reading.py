"""What a model child is asked and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ocr_api.messages.image import ImageHeader
from ocr_api.pages import PageText, PageTraits


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Load a model; the first message to a model child.

    Attributes:
        engine: `"module:Class"` of the engine.
        settings: What the catalog entry says to its constructor.
    """

    engine: str
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    kind: Literal["load_model"] = "load_model"


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """A model is loaded.

    Attributes:
        memory_mib: What it takes on its device, measured.
        device: `cpu` or `cuda`.
        quantization: `none`, `8bit`, `4bit`; None = the engine has no choice.
        quantized_share: Share (0..1) of the parameters that are quantized; None = unknown.
    """

    memory_mib: int
    device: str
    quantization: str | None = None
    quantized_share: float | None = None
    kind: Literal["model_loaded"] = "model_loaded"


@dataclass(frozen=True, slots=True)
class ReadPages:
    """Read pages; one descriptor a page travels beside it, in the same order.

    Attributes:
        images: What the pixels are, as decoded (not yet upright).
        traits: What the inspector saw of each; the child straightens the page by it.
        languages: ISO 639 codes that the caller asked for.
        prompt_mode: What the model is asked for; None = its default.
        prompt: The caller's own prompt; None = the one of the mode.
        engine_options: Of one engine alone.
    """

    images: tuple[ImageHeader, ...]
    traits: tuple[PageTraits, ...]
    languages: tuple[str, ...] = ()
    prompt_mode: str | None = None
    prompt: str | None = None
    engine_options: Mapping[str, object] = field(default_factory=dict[str, object])
    kind: Literal["read_pages"] = "read_pages"


@dataclass(frozen=True, slots=True)
class StopReading:
    """End these pages of the batch that is being read; has no answer of its own."""

    indexes: tuple[int, ...]
    kind: Literal["stop_reading"] = "stop_reading"


@dataclass(frozen=True, slots=True)
class TextRead:
    """Text read on the page of this index since the last such message.

    An empty one says that the order to stop this page was heard.
    """

    index: int
    text: str
    kind: Literal["text_read"] = "text_read"


@dataclass(frozen=True, slots=True)
class PagesRead:
    """The end of a request.

    Attributes:
        texts: One a page, in order.
        peak_mib: The most that the child has taken on its device since the model was loaded, as
            `ModelLoaded.memory_mib` is measured; None = unknown.
    """

    texts: tuple[PageText, ...]
    peak_mib: int | None = None
    kind: Literal["pages_read"] = "pages_read"

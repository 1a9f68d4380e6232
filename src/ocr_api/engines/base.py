"""The protocols that engines and inspectors fulfil, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ocr_api.pages import PageImage, PageText, PageTraits

GreyOrRgb = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the caller and the inspector say of the pages of one batch.

    Attributes:
        languages: ISO 639 codes that the caller asked for; empty = the engine decides.
        traits: One entry a page, as the inspector saw it; the pixels are already upright.
        prompt_mode: What the model is asked for, such as `markdown`; None = its default.
        prompt: The caller's own prompt; None = the one of the mode.
        extra: Options of one engine alone.
    """

    languages: tuple[str, ...] = ()
    traits: tuple[PageTraits, ...] = ()
    prompt_mode: str | None = None
    prompt: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a loaded model takes, measured after loading.

    Attributes:
        memory_mib: On its device.
        device: `cpu` or `cuda`.
        quantization: `none`, `8bit`, `4bit`; None = the engine has no choice.
        quantized_share: Share (0..1) of the parameters that are quantized; None = unknown.
    """

    memory_mib: int
    device: str = "cpu"
    quantization: str | None = None
    quantized_share: float | None = None


class Engine(Protocol):
    """Reads pages; runs in a child process of its own, so blocking code is fine."""

    def load(self) -> Footprint | None:
        """Brings the model into memory; called once, before the first `read`.

        Gives what it takes; None = the process's own memory tells it.

        Raises:
            ModelLoadError: The weights are missing or broken.
        """
        ...

    def read(
        self,
        pages: Sequence[PageImage],
        *,
        options: ReadOptions,
        on_text: Callable[[int, str], None],
        should_stop: Callable[[int], bool],
    ) -> Sequence[PageText]:
        """Reads upright pages; gives one text a page, in the same order.

        Args:
            pages: At least one; the pixels stay valid during the call only.
            options: See `ReadOptions`.
            on_text: Called with the index of a page and the text read on it since the last call.
            should_stop: Asked between steps with the index of a page; once True, the engine ends
                that page soon with what it has, flagged `stopped`.

        Raises:
            EngineError: A page cannot be read.
            EngineMemoryError: Out of memory; the process may go on.
        """
        ...

    def close(self) -> None:
        """Frees what `load` took; the process ends soon after."""
        ...


@runtime_checkable
class TellsPeak(Protocol):
    """An engine that knows the most that it has taken on its device since it was loaded."""

    def peak_mib(self) -> int | None:
        """Gives it, measured as `Footprint.memory_mib` is; None = unknown."""
        ...


class Inspector(Protocol):
    """Looks at a page before it is read: upright? level? which scripts?"""

    def inspect(self, page: PageImage, languages: Sequence[str] = ()) -> PageTraits:
        """Gives the traits of a page as it was decoded (not yet upright).

        Args:
            page: As it was decoded.
            languages: That the caller named (ISO 639, or an engine's own names); empty = none.
        """
        ...


def stopped(text: PageText) -> PageText:
    """Gives the text of a page whose reading was ended early, marked as such."""
    return replace(
        text,
        warnings=(*text.warnings, "Reading was stopped."),
        flags=(*text.flags, "stopped"),
    )


def stopped_page(page: PageImage) -> PageText:
    """Gives the empty text of a page that was not read because reading was ended."""
    return stopped(PageText(page.width_px, page.height_px))


def as_array(page: PageImage) -> GreyOrRgb:
    """Gives the pixels without a copy: `(height_px, width_px)` or `(height_px, width_px, 3)` uint8.

    The array is read-only and lives no longer than the page's buffer.
    """
    flat = np.frombuffer(page.pixels, dtype=np.uint8)
    shape = (page.height_px, page.width_px) + ((3,) if page.mode == "RGB" else ())
    array = flat.reshape(shape)
    array.flags.writeable = False
    return array

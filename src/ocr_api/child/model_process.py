"""The model child: loads one engine and reads pages with it.

Run as `python -m ocr_api.child.model_process <socket descriptor> <parent pid>`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import sys
import traceback
from collections.abc import Mapping
from typing import Protocol, cast

from ocr_api.child.channel import Channel
from ocr_api.child.lifetime import die_with_parent
from ocr_api.child.pixels import mapped_page
from ocr_api.child.serving import Answer, serve
from ocr_api.child.stop_orders import StopOrders
from ocr_api.engines.base import Engine, Footprint, ReadOptions, TellsPeak
from ocr_api.engines.straighten import straighten
from ocr_api.errors import EngineError, ModelLoadError, OcrApiError
from ocr_api.messages import (
    LoadModel,
    Message,
    ModelLoaded,
    PagesRead,
    ReadPages,
    Ready,
    TextRead,
)

_NICENESS = 5
"""Reading yields to the processes that answer callers."""


class EngineFactory(Protocol):
    """An engine's class: takes what the catalog entry says."""

    def __call__(self, settings: Mapping[str, object]) -> Engine:
        """Makes the engine; loads nothing yet."""
        ...


class ModelChild:
    """Answers `LoadModel` and `ReadPages`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._engine: Engine | None = None
        self._is_measured_here = False

    def handle(self, message: Message, files: list[int]) -> Answer:
        """Does what the parent asks.

        Raises:
            ModelLoadError: The engine does not exist or could not be loaded.
            EngineError: The engine could not read a page.
        """
        match message:
            case LoadModel():
                self._engine, loaded, self._is_measured_here = _load(message)
                return loaded, []
            case ReadPages():
                return self._read(message, files), []
            case _:
                msg = f"A model child cannot answer '{message.kind}'."
                raise EngineError(msg)

    def _read(self, request: ReadPages, files: list[int]) -> PagesRead:
        if self._engine is None:
            msg = "No model has been loaded."
            raise EngineError(msg)
        with contextlib.ExitStack() as stack:
            decoded = [
                stack.enter_context(mapped_page(header, descriptor))
                for header, descriptor in zip(request.images, files, strict=True)
            ]
            texts = self._engine.read(
                [straighten(*pair) for pair in zip(decoded, request.traits, strict=True)],
                options=ReadOptions(
                    request.languages,
                    request.traits,
                    request.prompt_mode,
                    request.prompt,
                    request.engine_options,
                ),
                on_text=lambda index, text: self._channel.send(TextRead(index, text)),
                should_stop=StopOrders(self._channel).includes,
            )
        return PagesRead(tuple(texts), self._peak_mib())

    def _peak_mib(self) -> int | None:
        """Gives the most that was taken since loading, measured as the load told it."""
        if isinstance(self._engine, TellsPeak):
            return self._engine.peak_mib()
        return _resident_mib() if self._is_measured_here else None


def main() -> None:
    """Serves the parent until it is gone."""
    descriptor, parent_pid = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    with Channel.of_descriptor(descriptor) as channel:
        channel.send(Ready())
        serve(channel, ModelChild(channel).handle, _as_engine_error)


def _load(message: LoadModel) -> tuple[Engine, ModelLoaded, bool]:
    """Gives the engine, what to tell of it, and whether its memory was measured here."""
    module_name, _, class_name = message.engine.partition(":")
    try:
        factory = cast("EngineFactory", getattr(importlib.import_module(module_name), class_name))
        engine = factory(message.settings)
        told = engine.load()
        footprint = told or Footprint(_resident_mib())
    except OcrApiError:
        raise
    except Exception as exc:
        traceback.print_exc()
        msg = f"Engine {message.engine} could not be loaded ({type(exc).__name__}). See the log."
        raise ModelLoadError(msg) from exc
    loaded = ModelLoaded(
        footprint.memory_mib,
        footprint.device,
        footprint.quantization,
        footprint.quantized_share,
    )
    return engine, loaded, told is None


def _resident_mib() -> int:
    """Gives the memory of this process, at its highest so far."""
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // (1 << 20)


def _as_engine_error(exc: Exception) -> OcrApiError:
    return EngineError(f"The engine failed on this page ({type(exc).__name__}). See the log.")


if __name__ == "__main__":
    main()

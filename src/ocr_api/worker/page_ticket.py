"""A page that waits to be read by a model, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import anyio

from ocr_api.errors import OcrApiError
from ocr_api.messages import Failed, ImageHeader
from ocr_api.pages import PageText, PageTraits


class TextSink(Protocol):
    """Takes the text of a page while it is generated."""

    def add(self, text: str) -> None:
        """Takes what came since the last call."""
        ...

    def restart(self) -> None:
        """Forgets what came: the page is read anew."""
        ...


@dataclass(frozen=True, slots=True)
class PageOrder:
    """A page, and how it is to be read.

    Attributes:
        image: What the pixels are.
        descriptor: Of the pixels; open for as long as the page waits.
        traits: What the inspector saw.
        languages: ISO 639 codes that the caller asked for.
        prompt_mode: What the model is asked for; None = its default.
        prompt: The caller's own prompt; None = the one of the mode.
        attempt: Which try at this page this is, from 1.
        left_s: Seconds that reading it may take, from the moment when it begins.
        sink: Takes its text while it is generated; None = nobody asks.
    """

    image: ImageHeader
    descriptor: int
    traits: PageTraits
    languages: tuple[str, ...] = ()
    prompt_mode: str | None = None
    prompt: str | None = None
    attempt: int = 1
    left_s: float = float("inf")
    sink: TextSink | None = field(default=None, compare=False)

    def fits(self, other: PageOrder) -> bool:
        """Tells whether one request can ask for both pages."""
        return (self.languages, self.prompt_mode, self.prompt, self.attempt) == (
            other.languages,
            other.prompt_mode,
            other.prompt,
            other.attempt,
        )


class PageTicket:
    """A page order on its way through the batches.

    Args:
        order: What is asked for.

    Attributes:
        most: Most pages that it may be read with, itself included. A page whose earlier attempt
            failed is read alone, so that no other suffers by it.
        deadline: When its time is over (`anyio.current_time()`); infinite until it is being read.
        is_gone: Nobody waits for it any more.
        is_late: Its time was over before it was read.
    """

    def __init__(self, order: PageOrder) -> None:
        self.order = order
        self.most: float = float("inf") if order.attempt == 1 else 1
        self.is_gone = False
        self.is_late = False
        self._outcome: PageText | OcrApiError | None = None
        self._ended = anyio.Event()
        self._patience = anyio.CancelScope()
        self._on_stop: Callable[[], None] = _nothing

    @property
    def deadline(self) -> float:
        """See the class."""
        return self._patience.deadline

    async def outcome(self) -> PageText:
        """Waits until the page is read; tells its batch where it is to be ended before that.

        Raises:
            ReadError: It could not be read.
        """
        try:
            while not self._ended.is_set():
                await self._wait()
        finally:
            if self._outcome is None:
                self.is_gone = True
                self._on_stop()
        if isinstance(self._outcome, OcrApiError):
            raise self._outcome
        if self._outcome is None:
            msg = "a page's end was told without an outcome"
            raise RuntimeError(msg)
        return self._outcome

    def begin(self, on_stop: Callable[[], None]) -> None:
        """Notes that reading begins, and that its time runs.

        Args:
            on_stop: Called where the page is to be ended: nobody waits, or its time is over.
        """
        self.is_late = False
        self._on_stop = on_stop
        self._patience.deadline = anyio.current_time() + self.order.left_s
        if self.order.sink is not None:
            self.order.sink.restart()

    def pause(self) -> None:
        """Notes that it is not being read, and that its time does not run."""
        self._on_stop = _nothing
        self._patience.deadline = float("inf")

    def add_text(self, text: str) -> None:
        """Passes on what was generated."""
        if text and self.order.sink is not None and not self.is_gone:
            self.order.sink.add(text)

    def end(self, outcome: PageText | OcrApiError) -> None:
        """Says what was read, or why nothing could be; several pages may fail with one error."""
        if self._outcome is None:
            own = Failed.of(outcome).to_error() if isinstance(outcome, OcrApiError) else outcome
            self._outcome = own
            self._ended.set()

    async def _wait(self) -> None:
        """Waits for the end; returns, too, once the time is over, and then begins a new wait."""
        with self._patience:
            await self._ended.wait()
        if not self._ended.is_set():
            self._patience = anyio.CancelScope()
            self.is_late = True
            self._on_stop()


def _nothing() -> None:
    """Stands in while nothing is to be done."""

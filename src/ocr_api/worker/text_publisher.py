"""Tells listeners the text of pages while it is generated; nothing of it is stored."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

import anyio

from ocr_api.errors import StoreError
from ocr_api.jobs import Claim
from ocr_api.observability import get_logger
from ocr_api.store import JobStore, TextSoFar

_log = get_logger(__name__)
_INTERVAL_S = 0.2
"""Between two messages about a page: five a second are as fluent as reading."""


class GrowingText:
    """The text of one page so far; see `TextSink`."""

    def __init__(self, claim: Claim, on_growth: Callable[[], None]) -> None:
        self._claim = claim
        self._parts: list[str] = []
        self._starts = 0
        self._on_growth = on_growth
        self.is_fresh = False

    def add(self, text: str) -> None:
        """Takes what came since the last call."""
        self._parts.append(text)
        self.is_fresh = True
        self._on_growth()

    def restart(self) -> None:
        """Forgets what came: the page is read anew."""
        self._parts.clear()
        self._starts += 1

    def so_far(self) -> TextSoFar:
        """Gives what came, as it is told."""
        claim = self._claim
        text = "".join(self._parts)
        return TextSoFar(claim.job.id, claim.page_number, claim.attempt, self._starts, text)


class TextPublisher:
    """Tells at intervals what has grown, to those who listen.

    Each message holds the whole text of its page so far, so that one that is lost, or a listener
    that comes late, needs nothing else.

    Args:
        store: Passes the messages on.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._growing: list[GrowingText] = []
        self._news = anyio.Event()
        self._telling = anyio.Lock()

    @contextmanager
    def telling(self, claim: Claim) -> Generator[GrowingText]:
        """Gives the place for a page's text, which is told during the context."""
        text = GrowingText(claim, self._wake)
        self._growing.append(text)
        try:
            yield text
        finally:
            self._growing.remove(text)

    async def tell(self, *texts: GrowingText) -> None:
        """Tells at once what has grown of these texts; that the store is away is no matter."""
        async with self._telling:  # one after the other: what is told last is the longest
            fresh = [text for text in texts if text.is_fresh]
            for text in fresh:
                text.is_fresh = False
            try:
                await self._store.tell_texts([text.so_far() for text in fresh])
            except StoreError as exc:
                _log.info("text_not_told", code=exc.code)

    async def run(self) -> None:
        """Tells for ever."""
        while True:
            await self._news.wait()
            self._news = anyio.Event()
            await self.tell(*self._growing)
            await anyio.sleep(_INTERVAL_S)

    def _wake(self) -> None:
        self._news.set()

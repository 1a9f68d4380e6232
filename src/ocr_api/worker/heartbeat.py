"""Tells how a worker stands: at every beat, and at once where something of its models changed."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from ocr_api.errors import StoreError
from ocr_api.observability import get_logger
from ocr_api.store import JobStore, WorkerReport

_log = get_logger(__name__)
BEAT_S = 1.0
TTL_S = 4.0
"""A worker that was not heard for so long is dead, and its models with it."""


class Heartbeat:
    """A worker's reports, one at a time, so that none overtakes a later one.

    Args:
        store: Where they are kept.
        compose: Gives how the worker stands now.
        beat_s: Seconds between two beats.
    """

    def __init__(
        self, store: JobStore, compose: Callable[[], WorkerReport], beat_s: float = BEAT_S
    ) -> None:
        self._store = store
        self._compose = compose
        self._beat_s = beat_s
        self._one_at_a_time = anyio.Lock()
        self._news = anyio.Event()
        self._told: WorkerReport | None = None

    def changed(self) -> None:
        """Has the worker's state told soon."""
        self._news.set()

    async def tell(self) -> None:
        """Tells it now.

        Raises:
            StoreError: The store is away.
        """
        async with self._one_at_a_time:
            report = self._compose()
            is_news = self._told is None or report.models != self._told.models
            await self._store.report(report, TTL_S, is_news=is_news)
            self._told = report

    async def run(self) -> None:
        """Tells it for ever; the store's absence is no end of it."""
        while True:
            self._news = anyio.Event()
            try:
                await self.tell()
            except StoreError as exc:
                _log.warning("store_away", task="heartbeat", code=exc.code, detail=exc.detail)
                await anyio.sleep(self._beat_s)
            with anyio.move_on_after(self._beat_s):
                await self._news.wait()

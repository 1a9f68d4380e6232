"""Claims pages as long as there are hands free."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence

import anyio

from ocr_api.errors import StoreError
from ocr_api.jobs import Claim
from ocr_api.observability import get_logger
from ocr_api.store import Announcements, JobStore

_log = get_logger(__name__)
_POLL_S = 1.0
"""A lost announcement delays a page by this much at most."""
_STORE_PATIENCE_S = 1.0


class Claiming:
    """Claims pages for this worker and has each worked on by a task of its own.

    Args:
        store: The queue.
        announcements: Tells when a page becomes ready.
        worker_id: The claimer.
        models: Models whose pages are claimed, `auto` among them.
        hands: Pages in work at the same time.
    """

    def __init__(
        self,
        store: JobStore,
        announcements: Announcements,
        worker_id: str,
        models: Sequence[str],
        hands: int,
    ) -> None:
        self._store = store
        self._announcements = announcements
        self._worker_id = worker_id
        self._models = tuple(models)
        self._hands = anyio.Semaphore(hands)

    async def run(self, work: Callable[[Claim], Awaitable[None]], stop: anyio.Event) -> None:
        """Claims until `stop` is set, then waits for the pages in work.

        Cancelling this cancels the work.
        """
        async with anyio.create_task_group() as tasks:
            while not stop.is_set():
                hands = await self._free_hands()
                claims = await self._next(stop, hands)
                for _ in range(hands - len(claims)):
                    self._hands.release()
                for claim in claims:
                    tasks.start_soon(self._work_on, claim, work)

    async def _free_hands(self) -> int:
        """Takes every hand that is free, once there is one; gives their number."""
        await self._hands.acquire()
        taken = 1
        with contextlib.suppress(anyio.WouldBlock):
            while True:
                self._hands.acquire_nowait()
                taken += 1
        return taken

    async def _work_on(self, claim: Claim, work: Callable[[Claim], Awaitable[None]]) -> None:
        try:
            await work(claim)
        finally:
            self._hands.release()

    async def _next(self, stop: anyio.Event, most: int) -> list[Claim]:
        """Waits for pages, as many as are ready up to `most`; none once `stop` is set."""
        while not stop.is_set():
            try:
                with self._announcements.watching_work() as watch:
                    claims = await self._store.claim_some(self._worker_id, self._models, most)
                    if claims:
                        return claims
                    await watch.changed(_POLL_S)
            except StoreError as exc:
                _log.warning("store_away", code=exc.code, detail=exc.detail)
                await anyio.sleep(_STORE_PATIENCE_S)
        return []

"""Claims pages as long as there are hands free."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from ocr_api.errors import StoreError
from ocr_api.jobs import Claim
from ocr_api.observability import get_logger
from ocr_api.store import Announcements, JobStore
from ocr_api.worker.hands import Hand, Hands, Offer

_log = get_logger(__name__)
_POLL_S = 1.0
"""A lost announcement delays a page by this much at most."""
_STORE_PATIENCE_S = 1.0
_COURTESY_S = 0.1
"""A worker whose model is reading leaves a page to an idle worker for so long before it takes it
for its next batch; an idle one claims within milliseconds."""

Work = Callable[[Claim, Hand], Awaitable[None]]


class Claiming:
    """Claims pages for this worker and has each worked on by a task of its own.

    Args:
        store: The queue.
        announcements: Tells when a page becomes ready.
        worker_id: The claimer.
        hands: Which pages may be claimed, and how many.
    """

    def __init__(
        self, store: JobStore, announcements: Announcements, worker_id: str, hands: Hands
    ) -> None:
        self._store = store
        self._announcements = announcements
        self._worker_id = worker_id
        self._hands = hands

    async def run(self, work: Work, stop: anyio.Event) -> None:
        """Claims until `stop` is set, then waits for the pages in work.

        Cancelling this cancels the work.
        """
        async with anyio.create_task_group() as working, anyio.create_task_group() as claiming:

            def begin(claim: Claim) -> None:
                working.start_soon(self._work_on, claim, self._hands.take(claim.model), work)

            claiming.start_soon(self._claim, begin, self._hands.at_once, 0.0)
            claiming.start_soon(self._claim, begin, self._hands.ahead, _COURTESY_S)
            await stop.wait()
            claiming.cancel_scope.cancel()

    async def _work_on(self, claim: Claim, hand: Hand, work: Work) -> None:
        try:
            await work(claim, hand)
        finally:
            self._hands.release(hand)

    async def _claim(
        self, begin: Callable[[Claim], None], offer: Callable[[], Offer], courtesy_s: float
    ) -> None:
        """Claims for ever what is offered."""
        while True:
            while not offer().lanes:
                await self._hands.changed()
            await anyio.sleep(courtesy_s)
            try:
                with self._announcements.watching_work() as watch, self._hands.waking(watch):
                    claims = await self._next(offer())
                    if not claims:
                        await watch.changed(_POLL_S)
                    for claim in claims:
                        begin(claim)
            except StoreError as exc:
                _log.warning("store_away", code=exc.code, detail=exc.detail)
                await anyio.sleep(_STORE_PATIENCE_S)

    async def _next(self, offer: Offer) -> list[Claim]:
        """Claims pages; not interrupted, since a page that was claimed is worked on."""
        claims: list[Claim] = []
        with anyio.CancelScope(shield=True):
            claims += await self._store.claim_some(self._worker_id, offer.lanes, offer.most)
        return claims

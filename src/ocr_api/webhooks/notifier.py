"""Claims deliveries as long as there are hands free, and has each worked on by a task."""

from __future__ import annotations

import anyio

from ocr_api.errors import StoreError
from ocr_api.jobs import Delivery
from ocr_api.observability import get_logger
from ocr_api.stopping import cancel_after_stop
from ocr_api.store import Announcements
from ocr_api.webhooks.deliver import Parts, deliver

_log = get_logger(__name__)
_POLL_S = 0.5
"""A delivery whose wait is over, or whose announcement was lost, comes so much late at most."""

_STORE_PATIENCE_S = 1.0
_RECLAIM_S = 1.0


class Notifier:
    """Delivers events until it is stopped.

    Args:
        notifier_id: The claimer.
        parts: What deliveries need.
        announcements: Tells when a delivery is queued.
        lease_s: How long a claim lasts; longer than a try may take.
        hands: Deliveries on their way at the same time.
    """

    def __init__(
        self,
        notifier_id: str,
        parts: Parts,
        announcements: Announcements,
        lease_s: float,
        hands: int,
    ) -> None:
        self._id = notifier_id
        self._parts = parts
        self._announcements = announcements
        self._lease_s = lease_s
        self._hands = anyio.Semaphore(hands)

    async def run(self, stop: anyio.Event, drain_s: float) -> None:
        """Delivers until `stop` is set; what is on its way then has `drain_s` seconds to end."""
        async with anyio.create_task_group() as background:
            background.start_soon(self._announcements.run)
            background.start_soon(self._keep_reclaiming)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(cancel_after_stop, tasks.cancel_scope, stop, drain_s)
                await self._claim_until(stop)
                tasks.cancel_scope.cancel()
            background.cancel_scope.cancel()

    async def _claim_until(self, stop: anyio.Event) -> None:
        async with anyio.create_task_group() as tasks:
            while not stop.is_set():
                await self._hands.acquire()
                claimed = await self._next(stop)
                if claimed is None:
                    self._hands.release()
                    return
                tasks.start_soon(self._deliver, claimed)

    async def _deliver(self, claimed: Delivery) -> None:
        try:
            await deliver(claimed, self._parts)
        finally:
            self._hands.release()

    async def _next(self, stop: anyio.Event) -> Delivery | None:
        """Waits for a delivery that is due; None once `stop` is set."""
        while not stop.is_set():
            try:
                with self._announcements.watching_deliveries() as watch:
                    claimed = await self._parts.store.claim_delivery(self._id, self._lease_s)
                    if claimed is not None:
                        return claimed
                    await watch.changed(_POLL_S)
            except StoreError as exc:
                _log.warning("store_away", code=exc.code, detail=exc.detail)
                await anyio.sleep(_STORE_PATIENCE_S)
        return None

    async def _keep_reclaiming(self) -> None:
        """Takes back what a killed notifier held, for ever; an absent store is no end of it."""
        while True:
            try:
                most_tries = self._parts.schedule.most_tries
                await self._parts.store.reclaim_deliveries(most_tries)
            except StoreError as exc:
                _log.warning("store_away", task="reclaim", code=exc.code, detail=exc.detail)
            await anyio.sleep(_RECLAIM_S)

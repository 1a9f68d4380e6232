"""What the other live workers have in memory and can read, as of their last heartbeats."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ocr_api.store import JobStore, WorkerReport
from ocr_api.worker.change_turns import ChangeTurns
from ocr_api.worker.heartbeat import BEAT_S, TTL_S

_GAP_S = 2.5 * BEAT_S

_NOT_READY = frozenset({"not_found", "failed", "downloading"})


class Fleet:
    """The other workers; empty until they are seen.

    Args:
        own: Id of this worker, which is left out.
        clock: Seconds by any clock.
    """

    def __init__(self, own: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.own = own
        self._clock = clock
        self._seen_at_s: float | None = None
        self._sure_at_s = 0.0
        self.loaded: frozenset[str] = frozenset()
        self.servable: frozenset[str] = frozenset()
        self.ready: frozenset[str] = frozenset()

    @property
    def is_sure(self) -> bool:
        """Who is not seen is not there: false before the first look, and after a gap in looking.

        When the store was away, the reports of all the others have lapsed too.
        """
        return self._seen_at_s is not None and self._clock() >= self._sure_at_s

    def see(self, reports: Sequence[WorkerReport]) -> None:
        """Notes the reports of all live workers.

        `loaded` then holds the models that another one has in memory, `servable` those whose
        pages another one reads, be it after loading or fetching them, and `ready` those whose
        weights another one has, and that run there on the device they are made for.
        """
        now_s = self._clock()
        if self._seen_at_s is not None and now_s - self._seen_at_s > _GAP_S:
            self._sure_at_s = now_s + TTL_S
        self._seen_at_s = now_s
        models = [
            item for worker in reports if worker.id != self.own for item in worker.models.items()
        ]
        self.loaded = frozenset(model for model, report in models if report.loaded)
        self.servable = frozenset(
            model
            for model, report in models
            if not (report.reason or report.refuses or report.status == "not_found")
        )
        self.ready = frozenset(
            model
            for model, report in models
            if not (report.reason or report.slow or report.status in _NOT_READY)
        )


class Among:
    """A worker's place among the others.

    Args:
        store: Where workers tell how they stand.
        fleet: The others.

    Attributes:
        fleet: What the others have.
        turns: To change what is in memory.
    """

    def __init__(self, store: JobStore, fleet: Fleet) -> None:
        self._store = store
        self.fleet = fleet
        self.turns = ChangeTurns(store, fleet.own)

    async def look(self) -> None:
        """Sees what the others have now, and holds the turns of this worker."""
        self.fleet.see(await self._store.workers())
        await self.turns.keep()

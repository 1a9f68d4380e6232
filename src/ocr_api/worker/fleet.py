"""What the other live workers have in memory and can read, as of their last heartbeats."""

from __future__ import annotations

from collections.abc import Sequence

from ocr_api.store import JobStore, WorkerReport
from ocr_api.worker.change_turns import ChangeTurns

_UNABLE = frozenset({"not_found", "failed"})
_NOT_READY = _UNABLE | {"downloading"}


class Fleet:
    """The other workers; empty until they are seen.

    Args:
        own: Id of this worker, which is left out.
    """

    def __init__(self, own: str) -> None:
        self.own = own
        self.loaded: frozenset[str] = frozenset()
        self.servable: frozenset[str] = frozenset()
        self.ready: frozenset[str] = frozenset()

    def see(self, reports: Sequence[WorkerReport]) -> None:
        """Notes the reports of all live workers.

        `loaded` then holds the models that another one has in memory, `servable` those whose
        pages another one reads, be it after loading or fetching them, and `ready` those whose
        weights another one has, and that run there on the device they are made for.
        """
        models = [
            item for worker in reports if worker.id != self.own for item in worker.models.items()
        ]
        self.loaded = frozenset(model for model, report in models if report.loaded)
        self.servable = frozenset(
            model for model, report in models if not report.reason and report.status not in _UNABLE
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

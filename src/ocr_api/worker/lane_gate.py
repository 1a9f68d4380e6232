"""Which lanes a worker may claim from now: by their weights, and by what is in memory."""

from __future__ import annotations

from collections.abc import Callable

from ocr_api.catalog import AUTO
from ocr_api.worker.fleet import Fleet
from ocr_api.worker.loaded_models import LoadedModels
from ocr_api.worker.weights_keeper import WeightsKeeper


class LaneGate:
    """A lane is open where its pages can be read, or where they are to fail with a reason.

    None fails here what another worker can read.

    Args:
        keeper: Knows of weights.
        models: Know who is in memory.
        fleet: Knows what other workers read.
        routes: Tells whether a page of `auto` would find a model, here or elsewhere, or is to fail
            because there is none.
    """

    def __init__(
        self,
        keeper: WeightsKeeper,
        models: LoadedModels,
        fleet: Fleet,
        routes: Callable[[], bool],
    ) -> None:
        self._keeper = keeper
        self._models = models
        self._fleet = fleet
        self._routes = routes

    def is_open(self, lane: str) -> bool:
        """See `Gate`."""
        if lane == AUTO:
            return self._routes()
        if self._keeper.is_ready(lane) and self._models.residents.is_open(lane):
            return True
        is_nobodys = self._fleet.is_sure and lane not in self._fleet.servable
        return is_nobodys and self._is_refused(lane)

    def enter(self, lane: str) -> bool:
        """See `Gate`."""
        return self._models.residents.enter(lane)

    def leave(self, lane: str) -> None:
        """See `Gate`."""
        self._models.residents.leave(lane)

    def _is_refused(self, lane: str) -> bool:
        if not self._keeper.is_ready(lane):
            return self._keeper.is_claimable(lane)
        return self._models.refusal(lane) is not None

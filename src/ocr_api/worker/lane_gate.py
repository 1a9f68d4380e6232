"""Which lanes a worker may claim from now: by their weights, and by what is in memory."""

from __future__ import annotations

from collections.abc import Callable

from ocr_api.catalog import AUTO
from ocr_api.worker.loaded_models import LoadedModels
from ocr_api.worker.weights_keeper import WeightsKeeper


class LaneGate:
    """A lane is open where its pages can be read, or where they are to fail with a reason.

    Args:
        keeper: Knows of weights.
        models: Know who is in memory.
        routes: Tells whether a page of `auto` would find a model, here or elsewhere, or is to fail
            because there is none.
    """

    def __init__(
        self, keeper: WeightsKeeper, models: LoadedModels, routes: Callable[[], bool]
    ) -> None:
        self._keeper = keeper
        self._models = models
        self._routes = routes

    def is_open(self, lane: str) -> bool:
        """See `Gate`."""
        if lane == AUTO:
            return self._routes()
        if not self._keeper.is_ready(lane):
            return self._keeper.is_claimable(lane)
        return self._models.residents.is_open(lane) or self._models.refusal(lane) is not None

    def enter(self, lane: str) -> bool:
        """See `Gate`."""
        return self._models.residents.enter(lane)

    def leave(self, lane: str) -> None:
        """See `Gate`."""
        self._models.residents.leave(lane)

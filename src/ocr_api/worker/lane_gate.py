"""Which lanes a worker may claim from now: by their weights, and by what is in memory."""

from __future__ import annotations

from ocr_api.worker.loaded_models import LoadedModels
from ocr_api.worker.weights_keeper import WeightsKeeper


class LaneGate:
    """A lane is open where its pages can be read, or where they are to fail with a reason.

    Args:
        keeper: Knows of weights.
        models: Know who is in memory.
    """

    def __init__(self, keeper: WeightsKeeper, models: LoadedModels) -> None:
        self._keeper = keeper
        self._models = models

    def is_open(self, lane: str) -> bool:
        """See `Gate`."""
        if not self._keeper.is_ready(lane):
            return self._keeper.is_claimable(lane)
        return self._models.residents.is_open(lane) or self._models.refusal(lane) is not None

    def enter(self, lane: str) -> bool:
        """See `Gate`."""
        return self._models.residents.enter(lane)

    def leave(self, lane: str) -> None:
        """See `Gate`."""
        self._models.residents.leave(lane)

"""Takes this worker's turns to change what is in memory, and holds them while it changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from ocr_api.errors import StoreError
from ocr_api.observability import get_logger
from ocr_api.store import JobStore, ModelTurn

_log = get_logger(__name__)
_TTL_S = 4.0
"""So long the turn of a worker that was killed keeps others from theirs."""
_END_S = 1.0


class ChangeTurns:
    """The turns of one worker.

    Args:
        store: Where workers agree.
        worker: Id of this one.
    """

    def __init__(self, store: JobStore, worker: str) -> None:
        self._store = store
        self._worker = worker
        self._held: set[ModelTurn] = set()

    @asynccontextmanager
    async def turn(
        self, model: str, *, evicts: bool, is_alone: bool = False
    ) -> AsyncGenerator[bool]:
        """Gives whether a model may be loaded now, for the time of the context.

        Args:
            model: The one to be loaded.
            evicts: Another model leaves for it.
            is_alone: Not while another worker is loading it too.

        Raises:
            StoreError: Nobody can be asked.
        """
        turn = ModelTurn(self._worker, model, evicts)
        if not await self._store.take_turn(turn, is_alone=is_alone, ttl_s=_TTL_S):
            yield False
            return
        self._held.add(turn)
        try:
            yield True
        finally:
            self._held.discard(turn)
            await self._end(turn)

    async def keep(self) -> None:
        """Renews what is held; to be called more often than once in 4 s."""
        for turn in list(self._held):
            await self._store.take_turn(turn, is_alone=False, ttl_s=_TTL_S)

    async def _end(self, turn: ModelTurn) -> None:
        with anyio.move_on_after(_END_S, shield=True):
            try:
                await self._store.end_turn(turn)
            except StoreError as exc:
                _log.info("turn_not_ended", model=turn.model, code=exc.code)  # it ends by itself

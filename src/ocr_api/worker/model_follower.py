"""Loads the model that callers switched to, ahead of its first page."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from ocr_api.errors import OcrApiError, StoreError
from ocr_api.observability import get_logger
from ocr_api.store import CurrentModel
from ocr_api.worker.process_page import Parts

_log = get_logger(__name__)
_LOOK_S = 0.5


class ModelFollower:
    """Looks which model is current, and loads it where this worker serves it.

    A load that fails is told in the log and tried again at the next switch; pages of the model
    try by themselves.
    One whose weights are still to come is loaded when they are here.

    Args:
        parts: Of the worker.
        is_ready: Whether the weights of a model are here.
    """

    def __init__(self, parts: Parts, is_ready: Callable[[str], bool]) -> None:
        self._parts = parts
        self._is_ready = is_ready
        self._followed: CurrentModel | None = None

    async def run(self) -> None:
        """Follows every switch, for ever, through every outage of the store."""
        while True:
            try:
                await self._follow(await self._parts.store.current_model())
            except StoreError as exc:
                _log.info("switch_not_seen", code=exc.code)
            await anyio.sleep(_LOOK_S)

    async def _follow(self, current: CurrentModel | None) -> None:
        if current is None or current == self._followed or not self._is_ready(current.model):
            return
        self._followed = current
        if current.model not in self._parts.served:
            return
        try:
            await self._parts.reader.load(current.model)
        except OcrApiError as exc:
            _log.warning("model_not_loaded", model=current.model, code=exc.code, detail=exc.detail)

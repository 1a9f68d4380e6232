"""Waits for the store at a process's start, and ends the process when its data is newer."""

from __future__ import annotations

import anyio

from ocr_api.errors import StoreError, StoreSchemaError
from ocr_api.observability import get_logger
from ocr_api.store.job_store import JobStore

_log = get_logger(__name__)
_PATIENCE_S = 1.0
_LOOK_S = 1.0


async def wait_for_store(store: JobStore) -> None:
    """Returns when the store answers and its data has the layout of this release.

    Raises:
        StoreSchemaError: A newer version wrote the data.
    """
    while True:
        try:
            await store.check_schema()
        except StoreError as exc:
            if not exc.retryable:
                raise
            _log.warning("waiting_for_store", code=exc.code, detail=exc.detail)
            await anyio.sleep(_PATIENCE_S)
        else:
            return


class LayoutWatch:
    """Sees a newer version take the data over, on which this one could do nothing any more.

    Args:
        store: Whose scripts refuse every call from then on.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._refusal: StoreSchemaError | None = None

    async def cancel_when_newer(self, scope: anyio.CancelScope) -> None:
        """Looks every second, for ever; cancels the scope once the data is newer."""
        while self._refusal is None:
            await anyio.sleep(_LOOK_S)
            try:
                await self._store.check_schema()
            except StoreSchemaError as exc:
                _log.error("data_taken_over", code=exc.code, detail=exc.detail)
                self._refusal = exc
            except StoreError:
                continue
        scope.cancel()

    def check(self) -> None:
        """Raises the `StoreSchemaError` for which the scope was cancelled, if it was."""
        if self._refusal is not None:
            raise self._refusal

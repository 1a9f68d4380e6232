"""Notes what became of this worker's models, and has it kept in the store when that is there."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import anyio

from ocr_api.errors import OcrApiError, StoreError
from ocr_api.observability import get_logger
from ocr_api.store import JobStore, ModelEvent, ModelEventKind, ModelWhy

_log = get_logger(__name__)
_MOST_WAITING = 1000
"""Events that wait for a store that is away; older ones are dropped, and the log says how many."""
_STORE_PATIENCE_S = 1.0


@dataclass(slots=True)
class _Noted:
    event: ModelEvent
    at_s: float
    token: str
    is_again: bool = False


class ModelJournal:
    """Events wait here until they are kept, in order; noting one never waits nor fails."""

    def __init__(self) -> None:
        self._waiting: deque[_Noted] = deque()
        self._news = anyio.Event()
        self._causes: dict[str, ModelWhy] = {}
        self._told: set[str] = set()

    @property
    def waiting(self) -> tuple[ModelEvent, ...]:
        """The events that are not kept yet."""
        return tuple(noted.event for noted in self._waiting)

    @contextmanager
    def cause(self, model: str, why: ModelWhy) -> Generator[None]:
        """Names what a model is loaded or unloaded for, for the time of the context.

        A load that fails there is told once, however many parts of it fail.
        """
        self._causes[model] = why
        self._told.discard(model)
        try:
            yield
        except OcrApiError as exc:
            if model not in self._told:
                self.load_failed(model, exc, None)
            raise
        finally:
            self._causes.pop(model, None)
            self._told.discard(model)

    def loaded(self, model: str, took_s: float, memory_mib: int) -> None:
        """Notes that a first process has loaded a model."""
        self._note(ModelEventKind.LOAD, model, took_s, memory_mib)

    def load_failed(self, model: str, error: OcrApiError, took_s: float | None) -> None:
        """Notes that a model could not be loaded."""
        self._told.add(model)
        self._note(ModelEventKind.LOAD_FAILED, model, took_s, detail=error.detail)

    def unloaded(
        self, model: str, took_s: float, memory_mib: int | None, successor: str = ""
    ) -> None:
        """Notes that the processes of a model have ended, its pages in work included.

        Args:
            model: Which.
            took_s: Since it was to leave.
            memory_mib: What one instance took.
            successor: The model that it left for; empty = for none.
        """
        detail = f"It left for '{successor}'." if successor else ""
        why = self._causes.get(successor or model, ModelWhy.WISH)
        self._note(ModelEventKind.UNLOAD, model, took_s, memory_mib, detail, why)

    def died(self, model: str, memory_mib: int | None) -> None:
        """Notes that the processes of a model are found to have ended by themselves."""
        told = "Its process had ended by itself."
        self._note(ModelEventKind.UNLOAD, model, None, memory_mib, told, ModelWhy.FAILURE)

    def stopped(self, model: str, memory_mib: int | None) -> None:
        """Notes that a model leaves because the worker stops."""
        self._note(ModelEventKind.UNLOAD, model, None, memory_mib, why=ModelWhy.STOP)

    async def run(self, store: JobStore, worker: str) -> None:
        """Has events kept for ever, through every outage of the store."""
        while True:
            self._news = anyio.Event()
            try:
                await self.write(store, worker)
            except StoreError as exc:
                _log.info("model_events_wait", code=exc.code, events=len(self._waiting))
                await anyio.sleep(_STORE_PATIENCE_S)
            else:
                await self._news.wait()

    async def write(self, store: JobStore, worker: str) -> None:
        """Has all events kept that wait.

        Raises:
            StoreError: The store is away; the events go on waiting.
        """
        while self._waiting:
            noted = self._waiting[0]
            is_again, noted.is_again = noted.is_again, True
            event = replace(noted.event, worker=worker)
            age_s = time.monotonic() - noted.at_s
            await store.add_model_event(event, noted.token, age_s=age_s, is_again=is_again)
            if self._waiting and self._waiting[0] is noted:
                self._waiting.popleft()

    def _note(
        self,
        kind: ModelEventKind,
        model: str,
        took_s: float | None,
        memory_mib: int | None = None,
        detail: str = "",
        why: ModelWhy | None = None,
    ) -> None:
        cause = why or self._causes.get(model, ModelWhy.PAGE)
        rounded_s = None if took_s is None else round(took_s, 3)
        event = ModelEvent(kind, model, cause, "", rounded_s, memory_mib, detail)
        if len(self._waiting) >= _MOST_WAITING:
            dropped = self._waiting.popleft().event
            _log.warning("model_event_dropped", event_kind=dropped.kind, model=dropped.model)
        self._waiting.append(_Noted(event, time.monotonic(), secrets.token_hex(8)))
        self._news.set()

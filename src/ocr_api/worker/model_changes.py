"""Loads and unloads models, one at a time: makes room, waits for pages in work, ends processes."""

from __future__ import annotations

import time
from typing import Protocol

import anyio

from ocr_api.errors import ModelDoesNotFitError, OcrApiError
from ocr_api.observability import get_logger
from ocr_api.store import ModelWhy
from ocr_api.worker.load_failures import LoadFailures
from ocr_api.worker.model_journal import ModelJournal
from ocr_api.worker.residents import Residents

_log = get_logger(__name__)
_LOOK_S = 0.02
"""Between two looks whether a draining model is idle."""


class ModelChildren(Protocol):
    """The processes of the models."""

    async def start(self, model: str) -> None:
        """Loads a model into a first process."""
        ...

    async def stop(self, model: str) -> None:
        """Ends all processes of a model."""
        ...

    def is_running(self, model: str) -> bool:
        """A process of the model lives."""
        ...

    def is_busy(self, model: str) -> bool:
        """A process of it is reading or loading, or is just about to."""
        ...


class ModelChanges:
    """Changes what is in memory; one change at a time.

    Args:
        children: The processes.
        residents: Who is in memory.
        failures: What could not be loaded.
        journal: Of what becomes of models; None = one of its own.
    """

    def __init__(
        self,
        children: ModelChildren,
        residents: Residents,
        failures: LoadFailures,
        journal: ModelJournal | None = None,
    ) -> None:
        self._children = children
        self._residents = residents
        self._failures = failures
        self._journal = journal or ModelJournal()
        self._one_at_a_time = anyio.Lock()

    @property
    def is_under_way(self) -> bool:
        """A model is being loaded or unloaded."""
        return self._one_at_a_time.locked()

    async def load(self, model: str, why: ModelWhy = ModelWhy.WISH) -> None:
        """Loads a model; those that leave for it end their pages in work first.

        Args:
            model: Which.
            why: For the journal.

        Raises:
            ModelDoesNotFitError: It fits not even alone, beside the pinned ones.
            ReadError: It cannot be loaded.
        """
        async with self._one_at_a_time:
            if self._residents.seat(model).is_loaded and self._children.is_running(model):
                return
            with self._journal.cause(model, why):
                self.check_possible(model)
                await self._make_room(model)
                await self._load(model)

    async def unload(self, model: str, why: ModelWhy = ModelWhy.WISH) -> bool:
        """Has a model leave once its pages in work are read; False = it was not loaded."""
        async with self._one_at_a_time:
            was_loaded = self._children.is_running(model)
            with self._journal.cause(model, why):
                await self._leave(model)
            return was_loaded

    def check_possible(self, model: str) -> None:
        """Refuses a model that can never fit.

        Raises:
            ModelDoesNotFitError: It takes more than the budget leaves beside pinned models.
        """
        room = self._residents.room(model)
        if room.is_possible:
            return
        msg = (
            f"The model needs {room.lacking_mib} MiB more than its device's budget leaves beside "
            "the pinned models. See MODEL_MEMORY_MIB and PINNED_MODELS."
        )
        raise ModelDoesNotFitError(msg, model=model)

    async def _make_room(self, model: str) -> None:
        victims = self._residents.room(model).evict
        for victim in victims:
            self._residents.begin_drain(victim)
        try:
            for victim in victims:
                await self._leave(victim, model)
        finally:
            for victim in victims:
                self._residents.end_drain(victim)

    async def _load(self, model: str) -> None:
        began_at = time.monotonic()
        took_s: float | None = None
        self._residents.begin_load(model)
        try:
            await self._start(model)
            took_s = time.monotonic() - began_at
            _log.info("model_may_be_used", model=model, took_s=round(took_s, 3))
        except OcrApiError as exc:
            self._failures.count(model, exc.detail)
            raise
        finally:
            self._residents.end_load(model, load_s=took_s)

    async def _start(self, model: str) -> None:
        """Has the child load; what it says of its memory is the last word."""
        while True:
            try:
                await self._children.start(model)
            except ModelDoesNotFitError as exc:
                self._residents.needs(model, exc.facts.get("needed_mib"))
                victim = self._residents.next_to_leave(model)
                if victim is None:
                    raise
                await self._leave(victim, model)
            else:
                return

    async def _leave(self, model: str, successor: str = "") -> None:
        """Waits for a model's pages in work, and ends its processes."""
        began_at = time.monotonic()
        self._residents.begin_drain(model)
        was_running = self._children.is_running(model)
        try:
            # Looked at: a page is in work here or there, and no one place knows when it is over.
            while self._residents.seat(model).in_work or self._children.is_busy(model):  # noqa: ASYNC110
                await anyio.sleep(_LOOK_S)
            with anyio.CancelScope(shield=True):
                await self._children.stop(model)
            self._residents.gone(model)
        finally:
            self._residents.end_drain(model)
        if was_running:
            _log.info("model_unloaded", model=model)
            took_s = time.monotonic() - began_at
            memory_mib = self._residents.seat(model).measured_mib
            self._journal.unloaded(model, took_s, memory_mib, successor)

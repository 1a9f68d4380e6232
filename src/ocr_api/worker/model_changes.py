"""Loads and unloads models: makes room, waits for pages in work, ends processes."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import Protocol

import anyio

from ocr_api.errors import ModelDoesNotFitError, ModelLoadError, OcrApiError
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
    """Changes what is in memory.

    Room is made for one model at a time, by the end of the pages of those that leave. Models that
    fit beside each other are loaded side by side, so a load that takes long keeps only those
    waiting that need its room.

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
        self._room = anyio.Lock()
        self._turns: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        self._loads: dict[str, anyio.CancelScope] = {}
        self._unloads: Counter[str] = Counter()

    @property
    def is_making_room(self) -> bool:
        """A model is leaving."""
        return self._room.locked()

    @property
    def is_under_way(self) -> bool:
        """A model is being loaded, or is leaving."""
        return self.is_making_room or bool(self._loads)

    def is_loading(self, model: str) -> bool:
        """A model is being loaded, or waits for its room."""
        return model in self._loads

    async def load(self, model: str, why: ModelWhy = ModelWhy.WISH) -> None:
        """Loads a model; those that leave for it end their pages in work first.

        Args:
            model: Which.
            why: For the journal.

        Raises:
            ModelDoesNotFitError: It fits not even alone, beside the pinned ones.
            ModelLoadError: It was unloaded meanwhile.
            ReadError: It cannot be loaded.
        """
        unloads = self._unloads[model]
        async with self._turns[model]:
            if self._unloads[model] != unloads:
                raise _unloaded(model)
            if self._residents.seat(model).stays and self._children.is_running(model):
                return
            with self._journal.cause(model, why):
                await self._load_unless_unloaded(model)

    async def unload(self, model: str, why: ModelWhy = ModelWhy.WISH) -> bool:
        """Has a model leave once its pages in work are read; False = it was not loaded.

        One that is just being loaded leaves at once.
        """
        was_loading = self.stop_loading(model)
        self._unloads[model] += 1
        async with self._turns[model], self._room:
            was_loaded = self._children.is_running(model)
            with self._journal.cause(model, why):
                await self._leave(model)
            return was_loaded or was_loading

    def stop_loading(self, model: str) -> bool:
        """Has a load in progress fail; False = there is none."""
        if model not in self._loads:
            return False
        self._loads[model].cancel()
        return True

    async def _load_unless_unloaded(self, model: str) -> None:
        self._loads[model] = anyio.CancelScope()
        try:
            with self._loads[model] as load:
                await self._load_into_room(model)
        finally:
            del self._loads[model]
        if load.cancelled_caught:
            raise _unloaded(model)

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

    async def _load_into_room(self, model: str) -> None:
        async with self._room:
            self.check_possible(model)
            await self._make_room(model)
            self._residents.begin_load(model)
        await self._load(model)

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
                async with self._room:
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


def _unloaded(model: str) -> ModelLoadError:
    return ModelLoadError("The model was unloaded before it was loaded.", model=model)

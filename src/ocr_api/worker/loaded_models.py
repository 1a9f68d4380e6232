"""The models of one worker: their children, and what became of loading them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import anyio
from anyio.abc import TaskGroup

from ocr_api.catalog import Catalog, Host, ModelSpec
from ocr_api.errors import (
    ModelDoesNotFitError,
    ModelLoadError,
    ModelUnavailableError,
    OcrApiError,
)
from ocr_api.messages import Failed, ModelLoaded
from ocr_api.observability import get_logger
from ocr_api.store import ModelReport, ModelWhy
from ocr_api.weights import Found
from ocr_api.worker.batcher import Batcher, BatchPlan
from ocr_api.worker.child_pool import ChildPool
from ocr_api.worker.child_process import ChildProcess
from ocr_api.worker.load_failures import LoadFailures
from ocr_api.worker.model_changes import ModelChanges
from ocr_api.worker.model_journal import ModelJournal
from ocr_api.worker.model_loading import load_request
from ocr_api.worker.model_memory import estimate_mib
from ocr_api.worker.read_ahead import ReadAhead
from ocr_api.worker.reader_plan import ReaderPlan
from ocr_api.worker.residents import Residents, Seat

_log = get_logger(__name__)
_GRACE_S = 0.25
"""Seconds in which a child must heed an order to stop; waiting longer costs more than loading."""

_SHARED_GRACE_S = 1.5
"""The same for a model that is dear to load: some steps of decoding on a slow processor."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """How a model stands in this worker.

    Attributes:
        instances: Children that have loaded it.
        is_loading: A child is loading it.
        is_unloading: It leaves, once its pages in work are read.
        loaded: What its child said when it was loaded last; None = it never was.
        error: Why it could not be loaded lately; empty = it could, or nobody tried.
    """

    instances: int = 0
    is_loading: bool = False
    is_unloading: bool = False
    loaded: ModelLoaded | None = None
    error: str = ""


def model_report(reason: str, state: ModelState, refusal: OcrApiError | None = None) -> ModelReport:
    """Gives what a worker says about a model.

    Args:
        reason: Why it cannot run here; empty = it can.
        state: How it stands.
        refusal: Why its pages fail at once for now; None = they don't.
    """
    if refusal is not None:
        state = replace(state, error=refusal.detail)
    is_loaded = state.instances > 0 and state.loaded is not None and not state.is_unloading
    return ModelReport(
        reason=reason,
        loaded=state.instances if is_loaded else 0,
        status="loaded" if is_loaded else _status_of_unloaded(state),
        memory_mib=state.loaded.memory_mib if state.loaded else None,
        device=state.loaded.device if state.loaded else None,
        quantization=state.loaded.quantization if state.loaded else None,
        message="" if is_loaded else state.error,
        refuses=refusal is not None,
    )


def _status_of_unloaded(state: ModelState) -> str:
    if state.is_unloading and state.instances > 0:
        return "unloading"
    return "loading" if state.is_loading else "failed" if state.error else "ready"


class LoadedModels:
    """One batcher a model, made when its first page or load is asked for.

    Args:
        plan: How pages are read.
        catalog: The models.
        host: What this machine offers.
        tasks: Where batches run.

    Attributes:
        residents: Who is in memory.
        changes: Loads and unloads.
        journal: What became of them.
        read_ahead: Of the files of the model that comes next.
    """

    def __init__(self, plan: ReaderPlan, catalog: Catalog, host: Host, tasks: TaskGroup) -> None:
        self._plan = plan
        self._catalog = catalog
        self._host = host
        self._tasks = tasks
        self._reading = anyio.CapacityLimiter(plan.readers)
        self._batchers: dict[str, Batcher] = {}
        self._loading: Counter[str] = Counter()
        self._starting: Counter[str] = Counter()
        self._loaded: dict[str, ModelLoaded] = {}
        self._failures = LoadFailures(time.monotonic)
        seats = {model: _seat(spec, plan) for model, spec in catalog.models.items()}
        self.residents = Residents(seats, plan.residency, time.monotonic)
        self.journal = ModelJournal()
        self.read_ahead = ReadAhead(self._found, tasks)
        self.changes = ModelChanges(self, self.residents, self._failures, self.journal)

    async def load(self, model: str, why: ModelWhy = ModelWhy.WISH) -> None:
        """Loads a model ahead of its first page; does nothing where it is loaded.

        Makes room where there is none: the models that leave end their pages in work first.

        Raises:
            ModelDoesNotFitError: It fits not even alone, beside the pinned ones.
            ReadError: It cannot be loaded.
            ModelUnavailableError: It cannot run here.
        """
        pool = self.batcher(model).pool
        if self.residents.seat(model).instances:
            if self.residents.seat(model).stays and self.is_running(model):
                return
            with self.read_ahead.reading(model):
                await self.changes.load(model, why)
        elif not pool.children:
            with self.journal.cause(model, why):
                await pool.warm()

    async def unload(self, model: str, why: ModelWhy = ModelWhy.WISH) -> bool:
        """Ends a model's processes once its pages in work are read; False = it was not loaded.

        Pages that wait for it, now or later, have it loaded again.

        Raises:
            UnknownModelError: No model has the id.
        """
        self._catalog.model(model)
        return await self.changes.unload(model, why)

    def note_end(self) -> None:
        """Notes in the journal that all models leave, because the worker stops."""
        for model in self._batchers:
            if self.is_running(model):
                self.journal.stopped(model, self.residents.seat(model).measured_mib)

    def may_be_loaded(self, model: str) -> bool:
        """It fits, and did not fail just now."""
        return self.residents.room(model).is_possible and not self._failures.is_paused(model)

    def refusal(self, model: str) -> OcrApiError | None:
        """Gives why pages of a model are to fail at once; None = they are read, or wait."""
        if model not in self._catalog.models or not self.residents.seat(model).instances:
            return None
        if self.residents.seat(model).is_present:
            return None
        reason = self._failures.refusal(model)
        if reason:
            return ModelLoadError(reason, model=model)
        try:
            self.changes.check_possible(model)
        except ModelDoesNotFitError as exc:
            return exc
        return None

    def state(self, model: str) -> ModelState:
        """Gives how a model stands."""
        seat = self.residents.seat(model)
        return ModelState(
            len(self._batchers[model].pool.children) if model in self._batchers else 0,
            is_loading=self._loading[model] > 0 or seat.is_loading,
            is_unloading=seat.is_draining,
            loaded=self._loaded.get(model),
            error=self._failures.told(model),
        )

    def pools(self) -> Mapping[str, ChildPool]:
        """Gives the children by model."""
        return {model: batcher.pool for model, batcher in self._batchers.items()}

    def batcher(self, model: str) -> Batcher:
        """Gives what reads the pages of a model.

        Raises:
            ModelUnavailableError: It cannot run here.
        """
        if model not in self._batchers:
            spec = self._catalog.model(model)
            found = self._catalog.availability(model, self._host)
            if not found.is_available:
                raise ModelUnavailableError(found.reason, model=model)
            self._batchers[model] = self._new_batcher(spec)
        return self._batchers[model]

    async def start(self, model: str) -> None:
        """See `ModelChildren`."""
        self._starting[model] += 1
        try:
            await self.batcher(model).pool.warm()
        finally:
            self._starting[model] -= 1

    async def stop(self, model: str) -> None:
        """See `ModelChildren`."""
        if model in self._batchers:
            await self._batchers[model].pool.close()

    def is_running(self, model: str) -> bool:
        """See `ModelChildren`."""
        return model in self._batchers and bool(self._batchers[model].pool.children)

    def is_busy(self, model: str) -> bool:
        """See `ModelChildren`."""
        batcher = self._batchers.get(model)
        is_beginning = self._loading[model] > 0 or self._starting[model] > 0
        return batcher is not None and (batcher.is_busy or is_beginning)

    def _found(self, model: str) -> Found | None:
        spec = self._catalog.model(model)
        return None if spec.weights is None else self._plan.loading.find_weights(spec)

    def _new_batcher(self, spec: ModelSpec) -> Batcher:
        # A model that one or a few processes serve is dear to load, and has cores or a GPU of its
        # own; of others each reader has one.
        is_shared = spec.instances > 0
        instances = spec.instances or self._plan.readers
        shared = self._plan.shared_environment(instances)
        environment = shared if is_shared else self._plan.environment
        pool = ChildPool(
            self._plan.command("ocr_api.child.model_process", environment),
            size=instances,
            prepare=partial(self._load, spec),
        )
        grace_s = _SHARED_GRACE_S if is_shared else _GRACE_S
        plan = BatchPlan(spec.batch_pages, instances, grace_s, keeps_loading=is_shared)
        readers = None if is_shared else self._reading
        return Batcher(pool, plan, self._tasks, readers, partial(self._note_peak, spec.id))

    def _note_peak(self, model: str, peak_mib: int) -> None:
        """Notes that reading took more memory than is known; the next heartbeat tells it."""
        loaded = self._loaded.get(model)
        if loaded is not None and self.residents.grown(model, peak_mib):
            self._loaded[model] = replace(loaded, memory_mib=peak_mib)
            _log.info("model_grew", model=model, memory_mib=peak_mib)

    async def _load(self, spec: ModelSpec, child: ChildProcess) -> None:
        """Loads a model into a fresh child, and notes what came of it."""
        is_first, began_at = self._begin_load(spec.id), time.monotonic()
        try:
            loaded = await self._ask_to_load(spec, child)
        except OcrApiError as exc:
            self._failures.tell(spec.id, exc.detail)
            self.journal.load_failed(spec.id, exc, time.monotonic() - began_at)
            if not self.is_running(spec.id):
                self.residents.gone(spec.id)
            raise
        finally:
            self._loading[spec.id] -= 1
            self.residents.on_change()
        self._tasks.start_soon(self._tell_end, spec.id, child)
        self._note_loaded(spec.id, loaded)
        if is_first:
            self.journal.loaded(spec.id, time.monotonic() - began_at, loaded.memory_mib)
        _log.info(
            "model_loaded",
            model=spec.id,
            pid=child.pid,
            memory_mib=loaded.memory_mib,
            device=loaded.device,
            quantization=loaded.quantization,
            quantized_share=loaded.quantized_share,
        )

    def _begin_load(self, model: str) -> bool:
        """Notes that a fresh child loads a model; True = no other child has it or loads it."""
        is_first = not (self._loading[model] or self.is_running(model))
        seat = self.residents.seat(model)
        if is_first and seat.is_loaded:
            self.journal.died(model, seat.measured_mib)
            self.residents.gone(model)
        self._loading[model] += 1
        self.residents.on_change()
        return is_first

    def _note_loaded(self, model: str, loaded: ModelLoaded) -> None:
        """Notes what a child says that has loaded; of its memory the most that was ever seen."""
        self._failures.forget(model)
        self.residents.measured(model, loaded.memory_mib)
        known_mib = self.residents.seat(model).measured_mib or 0
        self._loaded[model] = replace(loaded, memory_mib=max(known_mib, loaded.memory_mib))

    async def _tell_end(self, model: str, child: ChildProcess) -> None:
        await child.ended()
        seat = self.residents.seat(model)
        if seat.instances and seat.stays and not (self.is_running(model) or self.is_busy(model)):
            self.journal.died(model, seat.measured_mib)
            self.residents.gone(model)
        self.residents.on_change()

    async def _ask_to_load(self, spec: ModelSpec, child: ChildProcess) -> ModelLoaded:
        loading = self._plan.loading
        request = load_request(spec, loading)
        try:
            answer, files = await child.request(request, timeout_s=loading.timeout_s)
        except TimeoutError as exc:
            msg = f"{spec.name} was not loaded within {loading.timeout_s:g} s."
            raise ModelLoadError(msg) from exc
        files.close()
        if isinstance(answer, Failed):
            raise answer.to_error()
        if not isinstance(answer, ModelLoaded):
            msg = f"{spec.name} answered '{answer.kind}' where it was to be loaded."
            raise ModelLoadError(msg)
        return answer


def _seat(spec: ModelSpec, plan: ReaderPlan) -> Seat:
    estimate = partial(estimate_mib, spec, plan.loading)
    is_exact = spec.memory_mib is not None
    return Seat(plan.loading.device(spec), spec.instances, estimate, is_exact=is_exact)

"""Which model serves, by the workers' own reports; nobody knows better what runs where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import anyio

from ocr_api.api.services import FromApp, Services
from ocr_api.catalog import AUTO, Availability, Resolution, resolve_model
from ocr_api.errors import ModelUnavailableError
from ocr_api.store import ModelReport, WorkerReport

FIRST_REPORT_S = 20.0
"""So long after the API's start the first report of a worker on another machine is waited for.

In Docker Compose a worker begins when the API is healthy, at most 5 s after it answers, and reports
once it has looked at its GPU and its weights.
"""

_LOOK_EVERY_S = 0.2
_STATUS_RANK = ("loaded", "loading", "ready", "downloading", "unloading", "failed", "not_found")


@dataclass(frozen=True, slots=True)
class ModelPicture:
    """What is known of all models at one moment.

    Attributes:
        workers: Those alive.
        reports: The best report on each model; from the last known workers where none is alive.
        services: For catalog and configuration.
    """

    workers: tuple[WorkerReport, ...]
    reports: Mapping[str, ModelReport]
    services: Services

    def availability(self, model_id: str) -> Availability:
        """Tells whether a model, or `auto`, can run somewhere.

        Raises:
            UnknownModelError: No model has the id.
        """
        catalog = self.services.catalog
        if model_id != AUTO:
            catalog.model(model_id)
        if not self.reports:
            return self.services.host_check(model_id)
        if model_id in self.reports:
            return Availability(self.reports[model_id].reason)
        if model_id == AUTO:
            return self._auto_availability()
        return Availability("No worker offers it.")

    def routed_reports(self) -> tuple[ModelReport, ...]:
        """The reports on the models that `auto` chooses from."""
        routed = self.services.catalog.routed_models
        return tuple(self.reports[model] for model in routed if model in self.reports)

    def _auto_availability(self) -> Availability:
        if any(not report.reason for report in self.routed_reports()):
            return Availability()
        return Availability("None of the models that auto chooses from can run.")


async def look_at_models(services: Services) -> ModelPicture:
    """Asks the store what workers report now, or reported last.

    Raises:
        StoreUnavailableError: The store is away.
    """
    workers = await services.store.workers()
    reporters = workers or [_remembered(one) for one in await services.store.last_reports()]
    return ModelPicture(tuple(workers), best_reports(reporters), services)


async def wait_for_first_report(services: FromApp) -> None:
    """Waits, just after the start, until a worker has reported what can run on its machine.

    This machine may be another kind: in containers the worker's has the GPU. Ends at
    `first_report_until`, at once where a report is known, and when the service stops.

    Raises:
        StoreUnavailableError: The store is away.
    """
    while not services.held.is_stopping:
        left_s = services.first_report_until - anyio.current_time()
        if left_s <= 0 or (await look_at_models(services)).reports:
            return
        pause_s = min(left_s, _LOOK_EVERY_S)
        await services.held.wait(pause_s, partial(anyio.sleep, pause_s))


def best_reports(workers: Iterable[WorkerReport]) -> Mapping[str, ModelReport]:
    """Gives of each model the best that any worker says; loaded instances are added up."""
    found: dict[str, list[ModelReport]] = {}
    for worker in workers:
        for model_id, report in worker.models.items():
            found.setdefault(model_id, []).append(report)
    return {model_id: _best(reports) for model_id, reports in found.items()}


async def choose_model(services: Services, named: str | None) -> Resolution:
    """Gives the model that a new job gets; see `wait_for_first_report` too.

    Raises:
        ModelUnavailableError: It cannot run, and nothing may serve in its place.
    """
    await wait_for_first_report(services)
    picture = await look_at_models(services)
    current = await requested_by_default(services)
    return resolve_model(named, current, services.fallback_model, picture.availability)


async def requested_by_default(services: Services) -> str:
    """Gives the model that was switched to last, or the configured default."""
    switched = await services.store.current_model()
    if switched is None:
        return services.default_model
    known = switched.model == AUTO or switched.model in services.catalog.models
    return switched.model if known else services.default_model


def default_choice(picture: ModelPicture, requested: str) -> Resolution:
    """Gives the model of jobs that name none; where none can serve, its warning says so."""
    services = picture.services
    try:
        return resolve_model(None, requested, services.fallback_model, picture.availability)
    except ModelUnavailableError as exc:
        return Resolution(requested, requested, is_default=True, warning=exc.detail)


def _remembered(worker: WorkerReport) -> WorkerReport:
    """What a worker that is gone said about what can run; its models went with it."""
    models = {
        model: replace(report, loaded=0, done_bytes=None, total_bytes=None, status=_after(report))
        for model, report in worker.models.items()
    }
    return replace(worker, models=models)


def _after(report: ModelReport) -> str:
    if report.status in {"loaded", "loading", "unloading"}:
        return "ready"
    return "not_found" if report.status == "downloading" else report.status


def _best(reports: Sequence[ModelReport]) -> ModelReport:
    able = [report for report in reports if not report.reason] or list(reports)
    best = min(able, key=lambda report: _rank(report.status))
    memory = [report.memory_mib for report in able if report.memory_mib is not None]
    return replace(
        best,
        reason=" ".join(dict.fromkeys(report.reason for report in able)),
        loaded=sum(report.loaded for report in able),
        memory_mib=max(memory, default=None),
    )


def _rank(status: str) -> int:
    return _STATUS_RANK.index(status) if status in _STATUS_RANK else len(_STATUS_RANK)

"""Catalog entries and workers' reports as callers see them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast, get_args

from ocr_api.api.model_choice import ModelPicture
from ocr_api.catalog import AUTO
from ocr_api.store import ModelEvent, ModelReport, WorkerReport
from ocr_api.wire import ModelEventView, ModelStatus, ModelView, WorkerView

_STATUSES = frozenset(get_args(ModelStatus))


def model_view(picture: ModelPicture, model_id: str) -> ModelView:
    """Gives one model, or `auto`, as callers see it."""
    found = picture.availability(model_id)
    status = status_of_model(picture, model_id)
    report = picture.reports.get(model_id)
    facts = _auto_facts() if model_id == AUTO else _catalog_facts(picture, model_id)
    if report is not None:
        facts = {**facts, **_measured(report)}
    return ModelView.model_validate(
        {
            **facts,
            "is_loaded": status == "loaded",
            "is_ready": found.is_available and status in {"ready", "loaded"},
            "is_available": found.is_available,
            "status": status,
            "progress": None if report is None else _progress(report),
            "message": found.reason or ("" if report is None else report.message),
        }
    )


def status_of_model(picture: ModelPicture, model_id: str) -> ModelStatus:
    """Gives the state of a model; `auto` is loaded where a model that it chooses from is."""
    report = picture.reports.get(model_id)
    reports = picture.routed_reports() if report is None and model_id == AUTO else (report,)
    if not picture.availability(model_id).is_available:
        failed = report is not None and report.status in {"failed", "downloading"}
        return cast("ModelStatus", report.status) if report and failed else "not_found"
    known = [found for found in reports if found is not None and not found.reason]
    loaded = [found for found in known if found.loaded]
    if loaded:
        return "unloading" if all(found.status == "unloading" for found in loaded) else "loaded"
    return _reported(known[0]) if len(known) == 1 else "ready"


def worker_views(workers: Sequence[WorkerReport], queues: Mapping[str, int]) -> list[WorkerView]:
    """Gives the live workers as callers see them.

    Args:
        workers: Their reports.
        queues: Waiting pages by the model they wait for.
    """
    return [_worker_view(worker, queues) for worker in workers]


def event_view(event: ModelEvent) -> ModelEventView:
    """Gives an event as callers see it."""
    return ModelEventView(
        id=event.id,
        at=datetime.fromtimestamp(event.at, UTC),
        kind=event.kind,
        model=event.model,
        why=event.why,
        worker=event.worker or None,
        duration_s=event.duration_s,
        memory_mib=event.memory_mib,
        previous_model=event.previous,
        by=event.by or None,
        detail=event.detail or None,
    )


def _worker_view(worker: WorkerReport, queues: Mapping[str, int]) -> WorkerView:
    loaded = {model_id: report for model_id, report in worker.models.items() if report.loaded}
    lanes = {AUTO, *(model_id for model_id, report in worker.models.items() if not report.reason)}
    memory = [
        report.memory_mib * report.loaded
        for report in loaded.values()
        if report.memory_mib is not None
    ]
    return WorkerView(
        id=worker.id,
        models=sorted(loaded),
        memory_mib=sum(memory) if memory else None,
        queue=worker.busy_pages + sum(queues.get(lane, 0) for lane in lanes),
    )


def _reported(report: ModelReport) -> ModelStatus:
    return cast("ModelStatus", report.status) if report.status in _STATUSES else "ready"


def _progress(report: ModelReport) -> dict[str, object] | None:
    if report.done_bytes is None:
        return None
    return {"done_bytes": report.done_bytes, "total_bytes": report.total_bytes}


def _measured(report: ModelReport) -> dict[str, object]:
    """What was seen when the model was loaded, which beats what its entry says."""
    seen = {
        "memory_mib": report.memory_mib,
        "device": report.device,
        "quantization": report.quantization,
    }
    return {name: value for name, value in seen.items() if value is not None}


def _is_verified(picture: ModelPicture, model_id: str) -> bool:
    report = picture.reports.get(model_id)
    return report is not None and report.verified


def _auto_facts() -> dict[str, object]:
    return {
        "id": AUTO,
        "name": "Automatic",
        "engine": AUTO,
        "best_for": "any page: the model is chosen by what is on it",
        "languages": [],
        "license": "",
        "device": "cpu",
    }


def _catalog_facts(picture: ModelPicture, model_id: str) -> dict[str, object]:
    spec = picture.services.catalog.model(model_id)
    module = spec.engine.partition(":")[0]
    return {
        "id": spec.id,
        "name": spec.name,
        "engine": module.rpartition(".")[2] or None,
        "best_for": spec.best_for,
        "languages": list(spec.languages),
        "license": spec.license,
        "verified": None if spec.weights is None else _is_verified(picture, model_id),
        "device": spec.device,
        "quantization": spec.quantization,
        "prompt_modes": list(spec.prompt_modes),
        "allows_prompt": spec.allows_prompt,
        "memory_mib": spec.memory_mib,
    }

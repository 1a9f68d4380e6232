"""Which models there are, which one is current, and switching it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ocr_api.api.answers import json_response
from ocr_api.api.body import read_model
from ocr_api.api.model_choice import default_choice, look_at_models, requested_by_default
from ocr_api.api.model_orders import act, switch
from ocr_api.api.model_views import event_view, model_view, status_of_model, worker_views
from ocr_api.api.openapi import (
    CURRENT_MODEL,
    LOAD,
    MODEL_EVENTS,
    MODEL_LIST,
    ONE_MODEL,
    SWITCH,
    UNLOAD,
)
from ocr_api.api.services import FromApp, Services
from ocr_api.api.waiting import read_wait
from ocr_api.catalog import AUTO
from ocr_api.errors import InvalidOptionError
from ocr_api.store import ModelAction, SwitchFailure, is_event_cursor
from ocr_api.wire import (
    CurrentModelView,
    ModelEventsView,
    ModelList,
    SwitchFailureView,
    SwitchRequest,
)

router = APIRouter(tags=["models"])


@router.get("/models", **MODEL_LIST)
async def list_models(services: FromApp) -> Response:
    """Lists all models; those that cannot run here say why."""
    picture = await look_at_models(services)
    current = default_choice(picture, await requested_by_default(services))
    ids = services.catalog.known_ids
    return json_response(
        ModelList(
            models=[model_view(picture, model_id) for model_id in ids],
            current_model=current.model,
            default_model=services.default_model,
            warnings=[] if current.warning is None else [current.warning],
        )
    )


@router.get("/models/current", **CURRENT_MODEL)
async def show_current(services: FromApp) -> Response:
    """Tells which model serves jobs that name none, by the workers' own reports."""
    picture = await look_at_models(services)
    current = default_choice(picture, await requested_by_default(services))
    switched = await services.store.current_model()
    queues = await services.store.queue_lengths()
    return json_response(
        CurrentModelView(
            model=current.model,
            requested_model=current.requested_model,
            previous_model=None if switched is None else switched.previous,
            status=status_of_model(picture, current.model),
            is_processing=any(worker.busy_pages for worker in picture.workers),
            workers=worker_views(picture.workers, queues),
            warnings=[] if current.warning is None else [current.warning],
            last_failure=None if switched is None else _failure_view(switched.failure),
        )
    )


@router.get("/models/events", **MODEL_EVENTS)
async def list_model_events(
    services: FromApp,
    limit: Annotated[int, Query(json_schema_extra={"minimum": 1, "maximum": 500})] = 50,
    model: str | None = None,
    cursor: Annotated[str | None, Query(json_schema_extra={"pattern": r"^(\d+-\d+)?$"})] = None,
) -> Response:
    """Tells what became of models: loads, unloads, switches, newest first.

    The latest 10,000 are kept.
    """
    if not 1 <= limit <= 500:
        raise InvalidOptionError("`limit` must be from 1 to 500.", option="limit", limit=[1, 500])
    if cursor and not is_event_cursor(cursor):
        raise InvalidOptionError("`cursor` is no `next_cursor` of a list.", option="cursor")
    found = await services.store.model_events(limit=limit, model=model, cursor=cursor or None)
    views = [event_view(event) for event in found.events]
    return json_response(ModelEventsView(events=views, next_cursor=found.next_cursor))


@router.post("/models/switch", **SWITCH)
async def switch_model(request: Request, services: FromApp) -> Response:
    """Makes a model the one of jobs that name none; jobs submitted before keep theirs."""
    wait = read_wait(request, services.limits.max_wait_s)
    wish = await read_model(request, services.limits, SwitchRequest)
    return json_response(await switch(request, services, wish.model, wait))


@router.post("/models/{model_id}/load", **LOAD)
async def load_model(request: Request, services: FromApp, model_id: str) -> Response:
    """Has every worker that can load a model, its weights fetched before where they are missing."""
    return await _act(request, services, model_id, ModelAction.LOAD)


@router.post("/models/{model_id}/unload", **UNLOAD)
async def unload_model(request: Request, services: FromApp, model_id: str) -> Response:
    """Ends a model's processes once the pages in work are read; its memory is free again.

    Pages that wait for it, or come later, have it loaded again.
    """
    return await _act(request, services, model_id, ModelAction.UNLOAD)


@router.get("/models/{model_id}", **ONE_MODEL)
async def show_model(services: FromApp, model_id: str) -> Response:
    """Tells what one model is and whether it can run."""
    if model_id != AUTO:
        services.catalog.model(model_id)
    return json_response(model_view(await look_at_models(services), model_id))


@router.get("/models/{model_id}/status", **ONE_MODEL)
async def show_model_status(services: FromApp, model_id: str) -> Response:
    """The same as `/models/{model_id}`."""
    return await show_model(services, model_id)


async def _act(
    request: Request, services: Services, model_id: str, action: ModelAction
) -> Response:
    wait = read_wait(request, services.limits.max_wait_s)
    answer = await act(request, services, model_id, action, wait)
    return json_response(answer.view, status=200 if answer.is_over else 202)


def _failure_view(failure: SwitchFailure | None) -> SwitchFailureView | None:
    if failure is None:
        return None
    at = datetime.fromtimestamp(failure.at, UTC)
    return SwitchFailureView(model=failure.model, reason=failure.reason, at=at)

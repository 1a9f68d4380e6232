"""Which models there are, which one is current, and switching it."""

from __future__ import annotations

import anyio
from fastapi import APIRouter, Request, Response

from ocr_api.api.answers import json_response
from ocr_api.api.body import read_model
from ocr_api.api.model_choice import (
    ModelPicture,
    default_choice,
    look_at_models,
    requested_by_default,
)
from ocr_api.api.model_views import model_view, status_of_model, worker_views
from ocr_api.api.openapi import CURRENT_MODEL, MODEL_LIST, ONE_MODEL, SWITCH
from ocr_api.api.services import FromApp, Services
from ocr_api.api.waiting import read_wait, unless_gone
from ocr_api.catalog import AUTO
from ocr_api.errors import ModelUnavailableError
from ocr_api.wire import CurrentModelView, ModelList, SwitchRequest, SwitchView

router = APIRouter(tags=["models"])

_LOOK_AGAIN_S = 0.5


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
    queues = await services.store.queue_lengths()
    return json_response(
        CurrentModelView(
            model=current.model,
            requested_model=current.requested_model,
            status=status_of_model(picture, current.model),
            is_processing=any(worker.busy_pages for worker in picture.workers),
            workers=worker_views(picture.workers, queues),
            warnings=[] if current.warning is None else [current.warning],
        )
    )


@router.post("/models/switch", **SWITCH)
async def switch_model(request: Request, services: FromApp) -> Response:
    """Makes a model the one of jobs that name none; jobs submitted before keep theirs."""
    wait = read_wait(request, services.limits.max_wait_s)
    wish = await read_model(request, services.limits, SwitchRequest)
    picture = await look_at_models(services)
    found = picture.availability(wish.model)
    if not found.is_available:
        msg = f"Model '{wish.model}' cannot run here: {found.reason}"
        raise ModelUnavailableError(msg, model=wish.model)
    switched = await services.store.switch_model(wish.model, services.default_model)
    if wait.seconds > 0:
        picture = await unless_gone(
            request, lambda: _picture_when_loaded(services, wish.model, wait.seconds)
        )
    return json_response(
        SwitchView(
            previous_model=switched.previous or services.default_model,
            current_model=switched.model,
            status=status_of_model(picture, switched.model),
            message=f"Jobs that name no model now get '{switched.model}'.",
        )
    )


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


async def _picture_when_loaded(services: Services, model_id: str, wait_s: float) -> ModelPicture:
    stop_at = anyio.current_time() + wait_s
    while True:
        picture = await look_at_models(services)
        status = status_of_model(picture, model_id)
        # `auto` itself is never loaded: its models are, with the first page that needs them.
        is_possible = picture.availability(model_id).is_available
        ended = model_id == AUTO or status in {"loaded", "failed"} or not is_possible
        left_s = stop_at - anyio.current_time()
        if ended or left_s <= 0 or services.held.is_stopping:
            return picture
        await services.held.wait(min(left_s, _LOOK_AGAIN_S), anyio.sleep_forever)

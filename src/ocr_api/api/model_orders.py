"""Carries switches and wishes about models to the workers, and waits until they were followed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import anyio
from fastapi import Request

from ocr_api.api.callers import caller_label
from ocr_api.api.model_choice import (
    ModelPicture,
    default_choice,
    look_at_models,
    requested_by_default,
)
from ocr_api.api.model_views import status_of_model
from ocr_api.api.services import Services
from ocr_api.api.waiting import Wait, unless_gone
from ocr_api.catalog import AUTO
from ocr_api.errors import ModelUnavailableError
from ocr_api.observability import get_logger
from ocr_api.store import CurrentModel, ModelAction, Serving
from ocr_api.wire import ModelActionView, SwitchView

_log = get_logger(__name__)
_LOOK_AGAIN_S = 1.0
"""A waiter looks this often at least: the end of a worker that was killed is told by nobody."""


@dataclass(frozen=True, slots=True)
class ActionAnswer:
    """What a caller is told; `is_over` = every worker that can has done it, or failed to."""

    view: ModelActionView
    is_over: bool


async def switch(request: Request, services: Services, model: str, wait: Wait) -> SwitchView:
    """Makes a model current, and waits until it is loaded where the caller wants that.

    Raises:
        UnknownModelError: No model has the id.
        ModelUnavailableError: No worker can run it.
    """
    picture = await look_at_models(services)
    _check(picture, model)
    serving = default_choice(picture, await requested_by_default(services))
    by = caller_label(request, services)
    switched = await services.store.switch_model(
        model,
        services.default_model,
        serving=Serving(serving.requested_model, serving.model),
        needs_loading=model != AUTO and status_of_model(picture, model) != "loaded",
        by=by,
    )
    _log.info(
        "model_switched",
        model=model,
        number=switched.number,
        previous=switched.previous,
        outcome="switched",
        by=by,
    )

    if switched.is_settled:  # it is loaded: there is nothing to wait for
        return _switch_view(services, switched, switched, picture)

    async def is_over() -> bool:
        return await _switch_is_over(services, switched)

    if wait.seconds > 0:
        await unless_gone(request, lambda: _wait(services, is_over, wait.seconds))
    now = await services.store.current_model() or switched
    return _switch_view(services, switched, now, await look_at_models(services))


async def act(
    request: Request, services: Services, model: str, action: ModelAction, wait: Wait
) -> ActionAnswer:
    """Has a model loaded or unloaded by every worker that can run it.

    Raises:
        UnknownModelError: No model has the id.
        ModelUnavailableError: No worker can run it, or it is `auto`.
    """
    _check(await look_at_models(services), model)
    if model == AUTO:
        msg = "'auto' chooses among other models and is never loaded itself; name one of those."
        raise ModelUnavailableError(msg, model=model)
    wish = await services.store.wish_model(model, action)
    _log.info(
        f"model_{action}_asked", model=model, number=wish.number, by=caller_label(request, services)
    )

    async def is_over() -> bool:
        return _was_followed(await look_at_models(services), model, wish.number)

    if wait.seconds > 0:
        await unless_gone(request, lambda: _wait(services, is_over, wait.seconds))
    picture = await look_at_models(services)
    has_ended = _was_followed(picture, model, wish.number)
    told = _told(picture, model, action, has_ended=has_ended)
    view = ModelActionView(model=model, status=status_of_model(picture, model), message=told)
    return ActionAnswer(view, has_ended)


def _check(picture: ModelPicture, model: str) -> None:
    found = picture.availability(model)
    if not found.is_available:
        msg = f"Model '{model}' cannot run here: {found.reason}"
        raise ModelUnavailableError(msg, model=model)


async def _wait(
    services: Services, is_over: Callable[[], Awaitable[bool]], patience_s: float
) -> None:
    stop_at = anyio.current_time() + patience_s
    with services.announcements.watching_models() as watch:
        while not await is_over():
            left_s = stop_at - anyio.current_time()
            if left_s <= 0 or services.held.is_stopping:
                return
            patience_s = min(left_s, _LOOK_AGAIN_S)
            await services.held.wait(patience_s, partial(watch.changed, patience_s))


async def _switch_is_over(services: Services, switched: CurrentModel) -> bool:
    now = await services.store.current_model()
    if now is None or now.number != switched.number or now.is_settled:
        return True
    picture = await look_at_models(services)
    if status_of_model(picture, switched.model) == "loaded":
        # Noted before the caller knows, so that a further switch counts on it.
        await services.store.settle_switch(switched.number)
        return True
    return not picture.availability(switched.model).is_available


def _switch_view(
    services: Services, switched: CurrentModel, now: CurrentModel, picture: ModelPicture
) -> SwitchView:
    current = now.model
    previous = switched.previous or services.default_model
    failure = now.failure
    if failure is not None and failure.number == switched.number:
        told = f"'{switched.model}' could not be loaded: {failure.reason} '{current}' is current."
        return SwitchView(
            previous_model=previous, current_model=current, status="failed", message=told
        )
    return SwitchView(
        previous_model=previous,
        current_model=current,
        status=status_of_model(picture, current),
        message=f"Jobs that name no model now get '{current}'.",
    )


def _was_followed(picture: ModelPicture, model: str, number: int) -> bool:
    """Every live worker that could has followed the wish, or a later one."""
    reports = [worker.models[model] for worker in picture.workers if model in worker.models]
    able = [report for report in reports if not report.reason or report.followed >= number]
    return bool(able) and all(report.followed >= number for report in able)


def _told(picture: ModelPicture, model: str, action: ModelAction, *, has_ended: bool) -> str:
    if not picture.workers:
        return f"No worker is alive; one that starts within a minute follows a wish to {action}."
    if not has_ended:
        return f"The workers are told to {action} '{model}'; see GET /models/{model}."
    refusals = [
        worker.models[model].refusal
        for worker in picture.workers
        if model in worker.models and worker.models[model].refusal
    ]
    return refusals[0] if refusals else f"'{model}' is {action}ed."

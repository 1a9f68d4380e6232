"""Holds an answer until a job ends, the time is over, or the caller is gone."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import anyio
from fastapi import Request
from starlette.requests import ClientDisconnect

from ocr_api.api.services import Services
from ocr_api.errors import InvalidOptionError
from ocr_api.jobs import Job

T = TypeVar("T")

_LOOK_AGAIN_S = 10.0
"""A waiter reads its job at least this often, should an announcement be lost."""

_PREFERENCE = re.compile(r"^\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:;.*)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wait:
    """How long an answer may be held.

    Attributes:
        seconds: At most; 0 = answer at once.
        is_preference: It was asked for by `Prefer`, so that the answer says that it was heeded.
    """

    seconds: float
    is_preference: bool = False


def read_wait(request: Request, max_wait_s: float) -> Wait:
    """Reads `?wait=` (which wins) or `Prefer: wait=` (RFC 7240), bounded by the service's limit.

    Raises:
        InvalidOptionError: `wait` is no number of seconds.
    """
    asked = request.query_params.get("wait")
    if asked is not None:
        return Wait(min(_seconds(asked), max_wait_s))
    for preference in ",".join(request.headers.getlist("prefer")).split(","):
        if found := _PREFERENCE.match(preference):
            return Wait(min(float(found.group(1)), max_wait_s), is_preference=True)
    return Wait(0.0)


async def job_when_ended(services: Services, job_id: str, wait_s: float) -> Job:
    """Gives a job as soon as it has ended, or as it stands when time or service end.

    Raises:
        UnknownJobError: There is no such job (any more).
    """
    if wait_s <= 0:
        return await services.store.get(job_id)
    stop_at = anyio.current_time() + wait_s
    with services.announcements.watching(job_id) as watch:
        while True:
            job = await services.store.get(job_id)
            left_s = stop_at - anyio.current_time()
            if job.has_ended or left_s <= 0 or services.held.is_stopping:
                return job
            await services.held.wait(
                min(left_s, _LOOK_AGAIN_S), partial(watch.changed, _LOOK_AGAIN_S)
            )


async def unless_gone(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """Does work for a caller, and stops when the caller goes away.

    Raises:
        ClientDisconnect: Nobody waits any more.
    """
    answers: list[T] = []
    failures: list[Exception] = []
    async with anyio.create_task_group() as group:
        group.start_soon(_cancel_when_gone, request, group.cancel_scope)
        try:
            answers.append(await work())
        except Exception as exc:  # noqa: BLE001 - raised again below, outside the group
            failures.append(exc)
        group.cancel_scope.cancel()
    if failures:
        raise failures[0]
    if not answers:
        raise ClientDisconnect
    return answers[0]


async def _cancel_when_gone(request: Request, scope: anyio.CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise InvalidOptionError("`wait` must be a number of seconds, such as 30.", option="wait")
    return seconds

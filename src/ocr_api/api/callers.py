"""Who calls: the API key of a request, and that the job it names is that key's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request

from ocr_api.api.receiving import BodyPieces, refusals_drained
from ocr_api.api.services import FromApp, Services
from ocr_api.errors import UnauthorizedError
from ocr_api.observability import get_logger
from ocr_api.store import unknown_job

_log = get_logger(__name__)
_BEARER = "bearer "


async def known_caller(request: Request, services: FromApp) -> str:
    """Gives the name of the caller's key; empty = the service is open, and nobody is asked.

    A job of another key is answered like one that does not exist.

    Raises:
        UnauthorizedError: No key came, or an unknown one.
        UnknownJobError: The address names a job that is not the caller's.
    """
    if services.api_keys.is_open:
        return ""
    limits = services.limits
    async with refusals_drained(BodyPieces.within(request, limits.max_upload_bytes, limits.idle_s)):
        name = _authenticate(request, services)
        job_id = request.path_params.get("job_id")
        if job_id is not None and await services.store.owner_of(job_id) != name:
            raise unknown_job()
    return name


def caller_label(request: Request, services: Services) -> str:
    """Gives how a caller is told of: by the name of its key, or on an open service its address."""
    if services.api_keys.is_open:
        return request.client.host if request.client else ""
    return _authenticate(request, services)


FromCaller = Annotated[str, Depends(known_caller)]


def _authenticate(request: Request, services: Services) -> str:
    shown = list(_shown_keys(request))
    if not shown:
        msg = "This service asks for an API key: `Authorization: Bearer` or `X-API-Key`."
        raise UnauthorizedError(msg)
    name = next(filter(None, map(services.api_keys.name_of, shown)), None)
    if name is None:
        _log.warning("api_key_refused", by=request.client.host if request.client else "")
        raise UnauthorizedError("This API key is unknown here; ask the operator of the service.")
    return name


def _shown_keys(request: Request) -> Iterator[str]:
    """Yields what may be a key: a proxy may have put a header of its own beside it."""
    authorization = request.headers.get("authorization", "")
    if authorization.lower().startswith(_BEARER):
        yield authorization[len(_BEARER) :].strip()
    if "x-api-key" in request.headers:
        yield request.headers["x-api-key"]

"""Who calls: the API key of a request, and that the job it names is that key's own."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from ocr_api.api.receiving import BodyPieces, refusals_drained
from ocr_api.api.services import FromApp, Services
from ocr_api.errors import UnauthorizedError
from ocr_api.observability import get_logger
from ocr_api.store import unknown_job

_log = get_logger(__name__)
_BEARER = "bearer "


async def known_caller(request: Request, services: FromApp) -> str | None:
    """Gives the name of the caller's key, and keeps it with the request; None = nobody is asked.

    A job of another key is answered like one that does not exist.

    Raises:
        UnauthorizedError: No key came, or an unknown one.
        UnknownJobError: The address names a job that is not the caller's.
    """
    request.state.caller = None
    if services.api_keys.is_open:
        return None
    limit = services.limits.max_upload_bytes
    pieces = BodyPieces(request, max_bytes=limit, limit_bytes=limit, idle_s=services.limits.idle_s)
    async with refusals_drained(pieces):
        request.state.caller = name = _authenticate(request, services)
        job_id = request.path_params.get("job_id")
        if job_id is not None and await services.store.owner_of(job_id) != name:
            raise unknown_job()
    return name


FromCaller = Annotated[str | None, Depends(known_caller)]


def _authenticate(request: Request, services: Services) -> str:
    key = _shown_key(request)
    if key is None:
        msg = (
            "This service asks for an API key: `Authorization: Bearer <key>` or `X-API-Key: <key>`."
        )
        raise UnauthorizedError(msg)
    name = services.api_keys.name_of(key)
    if name is None:
        _log.warning("api_key_refused", by=request.client.host if request.client else "")
        raise UnauthorizedError("This API key is unknown here; ask the operator of the service.")
    return name


def _shown_key(request: Request) -> str | None:
    """Another scheme than Bearer may be a proxy's own, and is passed over."""
    authorization = request.headers.get("authorization", "")
    if authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip()
    return request.headers.get("x-api-key")

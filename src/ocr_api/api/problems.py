"""Error class to HTTP status, the only place; every error leaves as RFC 9457 problem details."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ocr_api import errors
from ocr_api.api.methods import offered_methods
from ocr_api.errors import OcrApiError
from ocr_api.jobs import Problem
from ocr_api.wire import ProblemView, problem_type, problem_view

PROBLEM_TYPE = "application/problem+json"

STATUSES: Mapping[type[OcrApiError], int] = {
    errors.RequestError: 400,
    errors.MalformedRequestError: 400,
    errors.EmptyUploadError: 400,
    errors.UnauthorizedError: 401,
    errors.ForeignHostError: 403,
    errors.UnknownJobError: 404,
    errors.UnknownPageError: 404,
    errors.UnknownDeliveryError: 404,
    errors.UnknownModelError: 404,
    errors.ModelUnavailableError: 409,
    errors.NotAcceptableError: 406,
    errors.JobNotFinishedError: 409,
    errors.NoResultError: 409,
    errors.JobNotRetryableError: 409,
    errors.IdempotencyKeyInUseError: 409,
    errors.IdempotencyKeyReusedError: 422,
    errors.BlobMissingError: 410,
    errors.UploadTooLargeError: 413,
    errors.UnsupportedTypeError: 415,
    errors.InvalidOptionError: 422,
    errors.StoreError: 503,
    errors.OcrApiError: 500,
}
"""A class that is not named here has the status of its nearest named ancestor."""

RETRY_AFTER_S: Mapping[type[OcrApiError], int] = {
    errors.JobNotFinishedError: 1,
    errors.IdempotencyKeyInUseError: 1,
    errors.QueueFullError: 10,
    errors.StorageFullError: 60,
    errors.StoreUnavailableError: 2,
}
"""When trying again makes sense, in seconds; a class that is not named here gets no header."""

FRAMEWORK_CODES: Mapping[int, tuple[str, str]] = {
    400: ("malformed_request", "Body, form or JSON cannot be understood"),
    404: ("not_found", "Nothing is served at this address"),
    405: ("method_not_allowed", "The address does not offer this method"),
    500: ("internal_error", "The service made a mistake"),
}
"""Status to code and title, for errors that the framework finds before any of our code runs."""


def install_problem_handlers(app: FastAPI) -> None:
    """Makes every error of an application leave as problem details."""
    app.add_exception_handler(OcrApiError, _on_own_error)
    app.add_exception_handler(HTTPException, _on_framework_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_unexpected_error)


def status_of(error: type[OcrApiError]) -> int:
    """Gives the HTTP status of an error class."""
    return next(STATUSES[base] for base in error.__mro__ if base in STATUSES)


def problem_response(error: OcrApiError) -> Response:
    """Gives the answer for an error of ours; one that is our own fault tells nothing of itself."""
    status = status_of(type(error))
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _framework_problem(status, "The service made a mistake; its log says more.")
    view = problem_view(Problem.of(error), status=status)
    return _response(view, status, _headers_of(type(error)))


def _on_own_error(_request: Request, exc: Exception) -> Response:
    if not isinstance(exc, OcrApiError):
        raise exc
    return problem_response(exc)


def _on_framework_error(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    detail, headers = f"{request.method} {request.url.path} is not offered.", exc.headers
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": offered_methods(request)}
        detail = f"{detail[:-1]} by this version; allowed here: {headers['Allow']}."
    elif exc.status_code != HTTPStatus.NOT_FOUND:
        detail = exc.detail
    return _framework_problem(exc.status_code, detail, headers)


def _on_validation_error(_request: Request, exc: Exception) -> Response:
    if not isinstance(exc, RequestValidationError):
        raise exc
    first: Mapping[str, object] = exc.errors()[0]
    place = first.get("loc")
    name = ".".join(str(part) for part in cast("tuple[object, ...]", place))
    return problem_response(errors.InvalidOptionError(f"{name}: {first.get('msg')}."))


def _on_disconnect(_request: Request, _exc: Exception) -> Response:
    """Nobody hears this answer; it only ends the request."""
    return Response(status_code=400)


def _on_unexpected_error(_request: Request, _exc: Exception) -> Response:
    return _framework_problem(500, "The service made a mistake; its log says more.")


def _framework_problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    code, title = FRAMEWORK_CODES.get(status, ("bad_request", HTTPStatus(status).phrase))
    view = ProblemView(
        type=problem_type(code),
        title=title,
        status=status,
        detail=detail,
        code=code,
        retryable=False,
    )
    return _response(view, status, headers or {})


def _response(view: ProblemView, status: int, headers: Mapping[str, str]) -> Response:
    body = view.model_dump_json(exclude_none=True)
    answer = Response(body, status_code=status, headers=dict(headers), media_type=PROBLEM_TYPE)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def _headers_of(error: type[OcrApiError]) -> dict[str, str]:
    if error is errors.UnauthorizedError:
        return {"WWW-Authenticate": 'Bearer realm="OCR API"'}
    seconds = RETRY_AFTER_S.get(error)
    return {} if seconds is None else {"Retry-After": str(seconds)}

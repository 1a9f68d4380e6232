"""The service itself: is it alive, ready, and what is it."""

from __future__ import annotations

import json

from fastapi import APIRouter, HTTPException, Request, Response

from ocr_api.api.answers import json_response
from ocr_api.api.error_reference import errors_html
from ocr_api.api.headers import PAGE_POLICY
from ocr_api.api.model_choice import default_choice, look_at_models, requested_by_default
from ocr_api.api.openapi import HEALTH, READY
from ocr_api.api.services import FromApp, StaticFromApp
from ocr_api.errors import OcrApiError, StoreError
from ocr_api.web import StaticFile
from ocr_api.wire import HealthView, ReadyView, ServiceView, result_schema

router = APIRouter(tags=["service"])
pages = APIRouter(include_in_schema=False)


@router.get("/livez", response_model=dict[str, str])
async def show_alive() -> Response:
    """Answers 200 as long as the process runs."""
    return Response('{"status":"alive"}', media_type="application/json")


@router.get("/readyz", **READY)
async def show_ready(services: FromApp) -> Response:
    """Answers 200 where a job would be done now: the store answers and a worker is alive."""
    reasons: list[str] = []
    try:
        await services.store.check_schema()
        if not await services.store.workers():
            reasons.append("No worker is alive.")
    except OcrApiError as exc:
        reasons.append(exc.detail)
    view = ReadyView(ready=not reasons, reasons=reasons)
    return _service_answer(view, is_well=view.ready)


@router.get("/health", **HEALTH)
async def show_health(services: FromApp) -> Response:
    """Tells how store, workers and the current model are; 503 when the store is away."""
    try:
        picture = await look_at_models(services)
        current = default_choice(picture, await requested_by_default(services)).model
    except StoreError:
        view = HealthView(
            status="unhealthy",
            redis="disconnected",
            workers=0,
            current_model=None,
            version=services.version,
        )
        return _service_answer(view, is_well=False)
    return json_response(
        HealthView(
            status="healthy" if picture.workers else "degraded",
            redis="connected",
            workers=len(picture.workers),
            current_model=current,
            version=services.version,
        )
    )


def _service_answer(view: HealthView | ReadyView, *, is_well: bool) -> Response:
    if is_well:
        return json_response(view)
    answer = json_response(view, status=503)
    answer.headers["Retry-After"] = "2"
    return answer


@router.get("/", response_model=ServiceView)
async def show_root(request: Request, services: FromApp, files: StaticFromApp) -> Response:
    """The web page for a browser; name and version for everything else."""
    if _wants_html(request.headers.get("accept", "")):
        answer = _file_response(files["index.html"])
    else:
        answer = json_response(ServiceView(name="OCR API", version=services.version, docs="/docs"))
    answer.headers["Vary"] = "Accept"
    return answer


@pages.get("/docs")
async def show_docs(files: StaticFromApp) -> Response:
    """The reference of the API, drawn from /openapi.json without anything from elsewhere."""
    return _file_response(files["reference.html"])


@pages.get("/docs/errors")
async def show_errors() -> Response:
    """Every error code explained."""
    return _file_response(StaticFile(errors_html().encode(), "text/html; charset=utf-8"))


@pages.get("/schemas/result.json")
async def show_result_schema() -> Response:
    """The JSON Schema of `/ocr/{id}/result?format=json`."""
    body = json.dumps(result_schema(), ensure_ascii=False, indent=2)
    headers = {"Cache-Control": "no-cache"}
    return Response(body, headers=headers, media_type="application/schema+json")


@pages.get("/web/{name}")
async def show_static(name: str, files: StaticFromApp) -> Response:
    """The files of the web page."""
    if name not in files:
        raise HTTPException(404)
    return _file_response(files[name])


def _file_response(file: StaticFile) -> Response:
    headers = {"Cache-Control": "no-cache"}
    if file.media_type.startswith("text/html"):
        headers["Content-Security-Policy"] = PAGE_POLICY
    return Response(file.content, headers=headers, media_type=file.media_type)


def _wants_html(accept: str) -> bool:
    return any(
        part.partition(";")[0].strip().lower() in {"text/html", "application/xhtml+xml"}
        for part in accept.split(",")
    )

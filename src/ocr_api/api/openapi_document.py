"""Builds the OpenAPI document out of the routes and of what `openapi.py` says beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from ocr_api.api.openapi import WEBHOOK, problem
from ocr_api.api.openapi_requests import KEY_OR_NONE, KEY_SCHEMES, Operation
from ocr_api.api.options import NOT_YET
from ocr_api.wire import (
    JobEvent,
    JobEventView,
    ProblemView,
    ResultDocument,
    SwitchRequest,
    TextEventView,
)


def install_openapi(app: FastAPI) -> None:
    """Makes an application serve the document that `build_openapi` gives, built once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build_openapi(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Gives the OpenAPI document of an application."""
    later = ", ".join(f"`{name}`" for name in NOT_YET)
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=(
            "Submit an image or a PDF, get a job, read the text. Errors are problem details "
            "(RFC 9457), explained at /docs/errors. Where the service has API keys, show one as "
            "`Authorization: Bearer` or `X-API-Key`, and see that key's jobs. Options of later "
            f"versions ({later}) are refused with 422."
        ),
        routes=app.routes,
        tags=_tags(("jobs", "webhooks", "models", "service")),
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in (ProblemView, SwitchRequest):
        schemas[model.__name__] = model.model_json_schema()
    schemas |= _result_schemas()
    event = JobEvent.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= event.pop("$defs") | schemas | {"JobEvent": event}
    document["webhooks"] = {"job_ended": WEBHOOK}
    schemas["JobEventView"] = _referring(JobEventView)
    schemas["TextEventView"] = _referring(TextEventView)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = dict(KEY_SCHEMES)
    for operation in _operations(document):
        _drop_validation_answer(operation)
        if "401" in operation["responses"]:
            operation["security"] = list(KEY_OR_NONE)
    return document


def _result_schemas() -> dict[str, Any]:
    found = ResultDocument.model_json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    parts: dict[str, Any] = found.pop("$defs")
    return {"ResultDocument": found, "DocumentPage": parts["DocumentPage"]}


def _referring(model: type[BaseModel]) -> dict[str, Any]:
    """Gives a model's schema, whose parts stand in the document already."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return schema


def _tags(names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"name": name} for name in names]


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _drop_validation_answer(operation: Operation) -> None:
    """Takes out the 422 that FastAPI adds: this service answers with a problem instead."""
    answer = operation["responses"].get("422")
    if answer is not None and "application/json" in answer.get("content", {}):
        operation["responses"]["422"] = problem(422)

"""What the OpenAPI document says beside the code: operations, examples, problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from ocr_api.api.openapi_examples import (
    ACCEPTED_EXAMPLE,
    JOB_EXAMPLE,
    LOAD_EXAMPLE,
    SWITCH_EXAMPLE,
    UNLOAD_EXAMPLE,
)
from ocr_api.api.openapi_requests import (
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    LAST_EVENT_ID,
    PREFER,
    WAIT,
    Operation,
    job_links,
    option_parameters,
    submission_body,
)
from ocr_api.api.problems import PROBLEM_TYPE
from ocr_api.renderers import FORMATS
from ocr_api.wire import (
    CurrentModelView,
    DeliveryList,
    DeliveryView,
    HealthView,
    JobAccepted,
    JobList,
    JobView,
    ModelActionView,
    ModelEventsView,
    ModelList,
    ModelView,
    ReadyView,
    SinglePage,
    SwitchView,
)

Answers = dict[int | str, dict[str, Any]]

_PROBLEM_SCHEMA = {"$ref": "#/components/schemas/ProblemView"}
_RESULT_REF = "#/components/schemas/ResultDocument"
_PROBLEM_EXAMPLES: Mapping[int, tuple[str, Operation]] = {
    400: ("The body cannot be understood, or is empty.", {"code": "empty_upload"}),
    401: ("No API key came, or an unknown one; see `WWW-Authenticate`.", {"code": "unauthorized"}),
    403: ("Host or Origin names a foreign site.", {"code": "foreign_host"}),
    404: ("There is no such thing.", {"code": "unknown_job"}),
    406: ("Accept names no type that is offered.", {"code": "not_acceptable"}),
    409: ("Not possible now, or not here.", {"code": "model_unavailable"}),
    410: ("The result is gone from the object store.", {"code": "blob_missing"}),
    413: ("The file is too large.", {"code": "upload_too_large", "limit": 104857600}),
    415: ("The file is of no type that is read.", {"code": "unsupported_type"}),
    422: ("An option is unknown, out of range or not offered.", {"code": "invalid_option"}),
    503: ("The store is away or full; see Retry-After.", {"code": "store_unavailable"}),
}


def _problems(*statuses: int) -> Answers:
    return {status: problem(status) for status in (*statuses, 401, 403, 503)}


def problem(status: int) -> Operation:
    """Gives the answer of one status, with an example."""
    description, facts = _PROBLEM_EXAMPLES[status]
    example = {
        "type": f"/docs/errors#{facts['code']}",
        "title": description.rstrip("."),
        "status": status,
        "detail": description,
        "retryable": status == 503,
        **facts,
    }
    content = {PROBLEM_TYPE: {"schema": _PROBLEM_SCHEMA, "example": example}}
    return {"description": description, "content": content}


def _ok(model: type[object], description: str, status: int = 200, **more: object) -> Answers:
    return {status: {"model": model, "description": description, **more}}


def _form_contents(exclude: tuple[str, ...]) -> Operation:
    contents: Operation = {
        form.media_type: {"schema": {"type": "string"}}
        for form in FORMATS.values()
        if form.name not in exclude
    }
    if "json" not in exclude:
        contents[FORMATS["json"].media_type] = {"schema": {"$ref": _RESULT_REF}}
    return contents


_LOCATION = {
    "Location": {"description": "Where the job is.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}},
}

SUBMISSION: Operation = {
    "summary": "Submit an image or a PDF",
    "response_model": JobAccepted,
    "responses": {
        **_ok(
            JobAccepted,
            "The file is kept and its job is queued.",
            202,
            headers=_LOCATION,
            links=job_links(),
            content={"application/json": {"example": ACCEPTED_EXAMPLE}},
        ),
        **_problems(400, 409, 413, 415, 422),
    },
    "openapi_extra": {
        "requestBody": submission_body(),
        "parameters": [*option_parameters(), IDEMPOTENCY_KEY],
    },
}
SUBMISSION_ALIAS: Operation = {
    **SUBMISSION,
    "summary": "Submit an image or a PDF (the same as POST /ocr)",
    "description": "Another name of `POST /ocr`, kept for callers that use it.",
}
LISTING: Operation = {
    "summary": "List jobs",
    "response_model": JobList,
    "responses": {**_ok(JobList, "Jobs, newest first."), **_problems(422)},
}
ONE_JOB: Operation = {
    "summary": "Ask for a job and its text",
    "response_model": JobView,
    "responses": {
        **_ok(
            JobView,
            "The job; `result` is there once `status` is `completed`.",
            content={"application/json": {"example": JOB_EXAMPLE}},
        ),
        304: {"description": "The job is as in If-None-Match."},
        **_problems(404, 410, 422),
    },
    "openapi_extra": {"parameters": [WAIT, PREFER, IF_NONE_MATCH]},
}
ONE_PAGE: Operation = {
    "summary": "Ask for one page",
    "response_model": SinglePage,
    "responses": {
        **_ok(
            SinglePage,
            "The page, read or failed; JSON unless `format` or Accept names another form.",
            content=_form_contents(exclude=("json",)),
        ),
        **_problems(404, 406, 409, 410, 422),
    },
}
RESULT: Operation = {
    "summary": "Take the result as text, Markdown, JSON, hOCR or ALTO",
    "response_class": Response,
    "responses": {
        200: {
            "description": "The result, streamed page by page; text unless `format` or Accept "
            "names another form. The JSON follows /schemas/result.json.",
            "content": _form_contents(exclude=()),
        },
        304: {"description": "The result is as in If-None-Match."},
        **_problems(404, 406, 409, 410, 422),
    },
    "openapi_extra": {"parameters": [WAIT, PREFER, IF_NONE_MATCH]},
}
DELIVERIES: Operation = {
    "summary": "Ask how the webhook of a job was delivered",
    "response_model": DeliveryList,
    "responses": {
        **_ok(DeliveryList, "Its deliveries, with their latest tries; none before it has ended."),
        **_problems(404),
    },
}
REDELIVERY: Operation = {
    "summary": "Deliver a webhook again",
    "response_model": DeliveryView,
    "responses": {
        **_ok(DeliveryView, "It is queued, with the same `webhook-id`.", 202),
        **_problems(404),
    },
}
WEBHOOK: Operation = {
    "post": {
        "summary": "A job has ended",
        "description": (
            "Sent to `webhook_url`. The headers `webhook-id`, `webhook-timestamp` and "
            "`webhook-signature` follow Standard Webhooks 1.0.0. Any 2xx answer counts as "
            "received, 410 ends the delivery, everything else is tried again."
        ),
        "requestBody": {
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobEvent"}}}
        },
        "responses": {"2XX": {"description": "Received."}},
    }
}
_EVENT: Operation = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$"},
        "event": {"enum": ["status", "progress", "page"]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/JobEventView"},
        },
    },
}
EVENTS: Operation = {
    "summary": "Listen to a job",
    "response_class": Response,
    "responses": {
        200: {
            "description": "Server-Sent Events named `status`, `progress` and `page`; the `data` "
            "of each is a JobEventView. Between them, for models that generate, events named "
            "`text`, without an `id`: each holds, as a TextEventView, text of a page that is being "
            "read. Ends after the event that ends the job. The schema is that of one event.",
            "content": {"text/event-stream": {"schema": _EVENT}},
        },
        204: {"description": "The job has ended, and the caller knows all its events."},
        **_problems(404, 422),
    },
    "openapi_extra": {"parameters": [LAST_EVENT_ID]},
}
REMOVAL: Operation = {
    "summary": "Cancel or remove a job",
    "response_model": JobView,
    "responses": {
        **_ok(JobView, "The job, cancelled just now."),
        204: {"description": "The job had ended; it and its files are gone."},
        **_problems(404),
    },
}


def _action(summary: str, example: Mapping[str, str]) -> Operation:
    content = {"application/json": {"example": example}}
    done = "Every worker that can has done it, or failed to: `status` and `message` tell."
    return {
        "summary": summary,
        "response_model": ModelActionView,
        "responses": {
            **_ok(ModelActionView, done, content=content),
            **_ok(ModelActionView, "The workers were told; see `GET /models/{model_id}`.", 202),
            **_problems(404, 409, 422),
        },
        "openapi_extra": {"parameters": [WAIT, PREFER]},
    }


LOAD = _action("Load a model ahead", LOAD_EXAMPLE)
UNLOAD = _action("Free a model's memory", UNLOAD_EXAMPLE)
MODEL_LIST: Operation = {
    "summary": "List models",
    "response_model": ModelList,
    "responses": {**_ok(ModelList, "All models, and which is current."), **_problems()},
}
CURRENT_MODEL: Operation = {
    "summary": "Ask for the current model",
    "response_model": CurrentModelView,
    "responses": {**_ok(CurrentModelView, "The model of jobs that name none."), **_problems()},
}
MODEL_EVENTS: Operation = {
    "summary": "Look back at loads, unloads and switches",
    "response_model": ModelEventsView,
    "responses": {
        **_ok(ModelEventsView, "What became of models, newest first."),
        **_problems(422),
    },
}
ONE_MODEL: Operation = {
    "summary": "Ask for one model",
    "response_model": ModelView,
    "responses": {**_ok(ModelView, "The model and its state."), **_problems(404)},
}
SWITCH: Operation = {
    "summary": "Switch the current model",
    "response_model": SwitchView,
    "responses": {
        **_ok(
            SwitchView,
            "New jobs that name no model get this one. `status` `failed`: no worker could load it, "
            "and the previous one is current again.",
            content={"application/json": {"example": SWITCH_EXAMPLE}},
        ),
        **_problems(400, 404, 409, 413, 422),
    },
    "openapi_extra": {
        "parameters": [WAIT, PREFER],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/SwitchRequest"}}
            },
        },
    },
}
READY: Operation = {
    "summary": "Is it ready?",
    "response_model": ReadyView,
    "responses": {
        **_ok(ReadyView, "A job would be done now."),
        503: {"model": ReadyView, "description": "It would not; `reasons` say why."},
    },
}
HEALTH: Operation = {
    "summary": "How is it?",
    "response_model": HealthView,
    "responses": {
        **_ok(HealthView, "The store answers."),
        503: {"model": HealthView, "description": "The store cannot be reached."},
    },
}

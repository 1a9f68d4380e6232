"""What the OpenAPI document says of requests: headers, options, bodies that are parsed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Operation = dict[str, Any]
"""Keyword arguments of a route decorator, which FastAPI types as Any, or parts of them."""

_SMALLEST_GIF = "R0lGODlhAQABAAAAACw="

WAIT = {
    "name": "wait",
    "in": "query",
    "description": "Hold the answer this many seconds at most; the service bounds it.",
    "schema": {"type": "number", "minimum": 0},
    "example": 30,
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=30` does the same (RFC 7240); see `Preference-Applied`.",
    "schema": {"type": "string"},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "An `ETag` seen before: 304 where nothing has changed.",
    "schema": {"type": "string"},
}

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A repeated request with this key, the same file and the same options gets the "
    "job of the first one; kept as long as that job.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "order-7-page-1",
}
LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The `id` of the last event seen; `?last_event_id=` does the same.",
    "schema": {"type": "string", "pattern": "^[0-9]{0,9}$"},
}

_OPTIONS: dict[str, Operation] = {
    "model": {
        "type": "string",
        "description": "A model's id, or `auto`; left out = the current one. Alias: `engine`.",
        "example": "auto",
    },
    "engine": {"type": "string", "description": "The same as `model`."},
    "language": {
        "type": "string",
        "description": "Languages on the page (ISO 639), most important first; left out = found.",
        "example": "ar,en",
    },
    "dpi": {
        "type": "integer",
        "minimum": 72,
        "maximum": 600,
        "description": "Resolution at which a PDF page is rendered.",
    },
    "pages": {
        "type": "string",
        "description": "Which pages are read; left out = all. Pages that the document does not "
        "have are warned of; where it has none of them, the job fails.",
        "example": "1-3,7",
    },
    "password": {
        "type": "string",
        "maxLength": 1024,
        "description": "Opens an encrypted PDF. Kept until the job ends, apart from the job, and "
        "never shown or logged; prefer the form or JSON to the query, which proxies may log.",
    },
    "metadata": {
        "type": "string",
        "description": "A JSON object, echoed in the job.",
        "example": '{"order": 7}',
    },
    "priority": {
        "type": "string",
        "enum": ["high", "normal", "low"],
        "default": "normal",
        "description": "The job's share of the readers where others wait: 16 to 4 to 1 pages.",
    },
    "prompt_mode": {
        "type": "string",
        "description": "What a model that takes prompts is asked for, one of its `prompt_modes` in "
        "/models. Every model takes `text` and `markdown`: where it has no such mode, it is asked "
        "as usual, since any result can be had as text or Markdown.",
        "example": "markdown",
    },
    "prompt": {
        "type": "string",
        "description": "The caller's own prompt, in place of the one of the mode, for models that "
        "allow one. At most 2000 characters, unless the service is configured otherwise.",
    },
    "filename": {"type": "string", "description": "For display only."},
    "webhook_url": {
        "type": "string",
        "anyOf": [{"format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"}, {"const": ""}],
        "maxLength": 2048,
        "description": "Where the end of the job is told, by a signed POST.",
        "example": "https://example.com/ocr-done",
    },
}

KEY_SCHEMES: Mapping[str, Operation] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
KEY_OR_NONE: Sequence[Mapping[str, list[str]]] = [{}, *({name: []} for name in KEY_SCHEMES)]
"""A service without keys asks for none."""


def job_links() -> Operation:
    """Gives where a job that was accepted leads (OpenAPI links, for tools that follow them)."""
    job = {"job_id": "$response.body#/job_id"}
    page = {**job, "page_number": 1}
    leads = {
        "job": ("/ocr/{job_id}", "get", job),
        "result": ("/ocr/{job_id}/result", "get", job),
        "page": ("/ocr/{job_id}/pages/{page_number}", "get", page),
        "events": ("/ocr/{job_id}/events", "get", job),
        "webhooks": ("/ocr/{job_id}/webhooks", "get", job),
        "cancel": ("/ocr/{job_id}", "delete", job),
    }
    return {
        name: {
            "operationRef": f"#/paths/{path.replace('/', '~1')}/{method}",
            "parameters": parameters,
        }
        for name, (path, method, parameters) in leads.items()
    }


def submission_body() -> Operation:
    """Gives the body of a submission, in each of the forms that it may have."""
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}, **_OPTIONS},
        "additionalProperties": False,
    }
    inline = {
        "type": "object",
        "required": ["base64"],
        "properties": {
            "base64": {"type": "string", "contentEncoding": "base64"},
            **_OPTIONS,
            "language": {"anyOf": [{"type": "string"}, {"type": "array"}]},
            "metadata": {"type": "object"},
        },
        "additionalProperties": False,
        "example": {"base64": _SMALLEST_GIF, "filename": "page.gif", "model": "auto"},
    }
    raw = {"schema": {"type": "string", "format": "binary"}}
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": form},
            "application/json": {"schema": inline},
            "image/*": raw,
            "application/pdf": raw,
            "application/octet-stream": raw,
        },
    }


def option_parameters() -> list[Operation]:
    """Gives the options of a submission as query parameters."""
    return [
        {
            "name": name,
            "in": "query",
            "description": schema["description"],
            "schema": {key: value for key, value in schema.items() if key != "description"},
        }
        for name, schema in _OPTIONS.items()
    ]

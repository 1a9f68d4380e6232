"""`ocr-api models switch|load|unload`: orders to a service that runs, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import httpx
import typer

from ocr_api.cli.outcomes import Outcome
from ocr_api.errors import OcrApiError

DEFAULT_URL = "http://127.0.0.1:8000"
_PATIENCE_S = 10.0
_LOOK_S = 1.0


class ServiceUnreachableError(OcrApiError):
    """No service answers at the address."""

    code = "service_unreachable"


def order(url: str, path: str, body: Mapping[str, str] | None, wait_s: float) -> Outcome:
    """Sends an order and prints what became of it.

    Args:
        url: Of the service.
        path: Of the order.
        body: Its JSON; None = it has none.
        wait_s: How long the service may wait for the workers before it answers.

    Raises:
        ServiceUnreachableError: Nobody answers there, or it is no such service.
    """
    timeout = httpx.Timeout(_PATIENCE_S, read=wait_s + _PATIENCE_S)
    try:
        answer = httpx.post(
            url.rstrip("/") + path, json=body, params={"wait": f"{wait_s:g}"}, timeout=timeout
        )
        told = cast("Mapping[str, object]", answer.json())
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
        msg = f"No OCR API answers at {url} ({type(exc).__name__}); name it with --url."
        raise ServiceUnreachableError(msg) from exc
    if not answer.is_success:
        typer.echo(f"ocr-api: {told.get('detail')} [{told.get('code')}]", err=True)
        return Outcome.SOME_FAILED
    typer.echo(f"{told.get('status')}: {told.get('message')}")
    return Outcome.SOME_FAILED if told.get("status") == "failed" else Outcome.DONE


def live_states(url: str) -> Mapping[str, str]:
    """Gives the state of each model in a service that runs; empty = none answers there."""
    try:
        answer = httpx.get(f"{url.rstrip('/')}/models", timeout=_LOOK_S)
        told = cast("Mapping[str, object]", answer.raise_for_status().json())
        current = told.get("current_model")
        models = cast("list[Mapping[str, object]]", told.get("models", []))
        return {str(model["id"]): _state(model, current) for model in models}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _state(model: Mapping[str, object], current: object) -> str:
    status = str(model["status"])
    return f"{status}, current" if model["id"] == current else status

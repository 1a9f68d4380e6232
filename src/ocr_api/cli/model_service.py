"""`ocr-api models switch|load|unload`: orders to a service that runs, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import httpx
import typer
from rich.console import Console
from rich.table import Table

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
        raise _unreachable(url, exc) from exc
    if not answer.is_success:
        typer.echo(f"ocr-api: {told.get('detail')} [{told.get('code')}]", err=True)
        return Outcome.SOME_FAILED
    typer.echo(f"{told.get('status')}: {told.get('message')}")
    return Outcome.SOME_FAILED if told.get("status") == "failed" else Outcome.DONE


def print_events(url: str, model: str | None, limit: int) -> Outcome:
    """Prints what became of models lately, newest first.

    Raises:
        ServiceUnreachableError: Nobody answers there, or it is no such service.
    """
    asked: dict[str, str | int] = {"limit": limit}
    if model is not None:
        asked["model"] = model
    try:
        answer = httpx.get(f"{url.rstrip('/')}/models/events", params=asked, timeout=_PATIENCE_S)
        told = cast("Mapping[str, object]", answer.json())
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
        raise _unreachable(url, exc) from exc
    if not answer.is_success:
        typer.echo(f"ocr-api: {told.get('detail')} [{told.get('code')}]", err=True)
        return Outcome.SOME_FAILED
    table = Table(box=None, pad_edge=False)
    for heading in ("at", "what", "model", "why", "seconds", "MiB", "worker", "more"):
        table.add_column(heading, overflow="fold")
    for event in cast("list[Mapping[str, object]]", told.get("events", [])):
        table.add_row(*_event_row(event))
    Console(soft_wrap=False).print(table)
    return Outcome.DONE


def _event_row(event: Mapping[str, object]) -> list[str]:
    previous, by = event.get("previous_model"), event.get("by")
    more = [
        f"from {previous}" if previous and event.get("kind") == "switch" else "",
        f"back to {previous}" if previous and event.get("kind") == "rollback" else "",
        f"by {by}" if by else "",
        str(event.get("detail") or ""),
    ]
    names = ("at", "kind", "model", "why", "duration_s", "memory_mib", "worker")
    cells = ["" if event.get(name) is None else str(event[name]) for name in names]
    return [*cells, ", ".join(filter(None, more))]


def _unreachable(url: str, exc: Exception) -> ServiceUnreachableError:
    msg = f"No OCR API answers at {url} ({type(exc).__name__}); name it with --url."
    return ServiceUnreachableError(msg)


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

"""`ocr-api models switch|load|unload`: orders to a service that runs, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import httpx
import typer
from rich.console import Console
from rich.table import Table

from ocr_api.api.model_choice import FIRST_REPORT_S
from ocr_api.cli.outcomes import Outcome
from ocr_api.errors import OcrApiError

DEFAULT_URL = "http://127.0.0.1:8000"
ANSWER_S = FIRST_REPORT_S + 10.0
"""So long an answer may take: just after its start a service may wait for a first report."""

_CONNECT_S = 10.0
_LOOK_S = 1.0


class ServiceUnreachableError(OcrApiError):
    """No service answers at the address."""

    code = "service_unreachable"


class ServiceSilentError(OcrApiError):
    """A service took the request and did not answer in time."""

    code = "service_silent"


def order(
    url: str,
    path: str,
    body: Mapping[str, str] | None,
    wait_s: float,
    *,
    answer_s: float = ANSWER_S,
) -> Outcome:
    """Sends an order and prints what became of it.

    Args:
        url: Of the service.
        path: Of the order.
        body: Its JSON; None = it has none.
        wait_s: How long the service may wait for the workers before it answers.
        answer_s: How long its answer may take beside that.

    Raises:
        ServiceUnreachableError: Nobody answers there, or it is no such service.
        ServiceSilentError: It did not answer in time.
    """
    timeout = httpx.Timeout(_CONNECT_S, read=wait_s + answer_s)
    try:
        answer = httpx.post(
            url.rstrip("/") + path, json=body, params={"wait": f"{wait_s:g}"}, timeout=timeout
        )
        told = cast("Mapping[str, object]", answer.json())
    except httpx.ReadTimeout as exc:
        hint = "It may still carry the order out: `ocr-api models events` tells."
        msg = f"{_silence(url, wait_s + answer_s)} {hint}"
        raise ServiceSilentError(msg) from exc
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
        raise _unreachable(url, exc) from exc
    if not answer.is_success:
        typer.echo(f"ocr-api: {told.get('detail')} [{told.get('code')}]", err=True)
        return Outcome.SOME_FAILED
    typer.echo(f"{told.get('status')}: {told.get('message')}")
    return Outcome.SOME_FAILED if told.get("status") == "failed" else Outcome.DONE


def print_events(url: str, model: str | None, limit: int, *, answer_s: float = ANSWER_S) -> Outcome:
    """Prints what became of models lately, newest first.

    Raises:
        ServiceUnreachableError: Nobody answers there, or it is no such service.
        ServiceSilentError: It did not answer within `answer_s`.
    """
    timeout = httpx.Timeout(_CONNECT_S, read=answer_s)
    asked: dict[str, str | int] = {"limit": limit}
    if model is not None:
        asked["model"] = model
    try:
        answer = httpx.get(f"{url.rstrip('/')}/models/events", params=asked, timeout=timeout)
        told = cast("Mapping[str, object]", answer.json())
    except httpx.ReadTimeout as exc:
        raise ServiceSilentError(_silence(url, answer_s)) from exc
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


def _silence(url: str, waited_s: float) -> str:
    return f"The service at {url} gave no answer within {waited_s:g} s; look at its log."


def live_states(url: str, *, answer_s: float = ANSWER_S) -> Mapping[str, str]:
    """Gives the state of each model in a service that runs; empty = none answers there.

    Where something listens and does not answer within `answer_s`, a line on stderr says so.
    """
    timeout = httpx.Timeout(_LOOK_S, read=answer_s)
    try:
        answer = httpx.get(f"{url.rstrip('/')}/models", timeout=timeout)
        told = cast("Mapping[str, object]", answer.raise_for_status().json())
        current = told.get("current_model")
        models = cast("list[Mapping[str, object]]", told.get("models", []))
        return {str(model["id"]): _state(model, current) for model in models}
    except httpx.ReadTimeout:
        typer.echo(f"ocr-api: {_silence(url, answer_s)} States are left out.", err=True)
        return {}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _state(model: Mapping[str, object], current: object) -> str:
    status = str(model["status"])
    return f"{status}, current" if model["id"] == current else status

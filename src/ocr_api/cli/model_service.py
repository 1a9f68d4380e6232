"""`ocr-api models switch|load|unload`: orders to a service that runs, over HTTP."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

import httpx
import typer
from rich.console import Console
from rich.table import Table

from ocr_api.addresses import is_elsewhere
from ocr_api.api.model_choice import FIRST_REPORT_S
from ocr_api.cli.outcomes import Outcome
from ocr_api.errors import OcrApiError, UnauthorizedError

DEFAULT_URL = "http://127.0.0.1:8000"
ANSWER_S = FIRST_REPORT_S + 10.0
"""So long an answer may take: just after its start a service may wait for a first report."""

_CONNECT_S = 10.0
_LOOK_S = 1.0
_MAYBE_DONE = " It may still carry the order out: `ocr-api models events` tells."


class ServiceUnreachableError(OcrApiError):
    """No service answers at the address."""

    code = "service_unreachable"


class ServiceSilentError(OcrApiError):
    """A service took the request and did not answer in time."""

    code = "service_silent"


@dataclass(frozen=True, slots=True)
class ModelService:
    """A service that runs, spoken to about its models.

    Attributes:
        url: Of the service.
        key: API key that is shown to it; None = none.
        answer_s: How long an answer may take beside what an order waits for.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    answer_s: float = ANSWER_S

    def order(self, path: str, body: Mapping[str, str] | None, wait_s: float) -> Outcome:
        """Sends an order and prints what became of it.

        Args:
            path: Of the order.
            body: Its JSON; None = it has none.
            wait_s: How long the service may wait for the workers before it answers.

        Raises:
            ServiceUnreachableError: Nobody answers there, or it is no such service.
            ServiceSilentError: It did not answer in time.
        """
        with self._failures(wait_s + self.answer_s, _MAYBE_DONE), self._client(wait_s) as client:
            answer = client.post(path, json=body, params={"wait": f"{wait_s:g}"})
            told = cast("Mapping[str, object]", answer.json())
        if not answer.is_success:
            return _print_refusal(told)
        typer.echo(f"{told.get('status')}: {told.get('message')}")
        return Outcome.SOME_FAILED if told.get("status") == "failed" else Outcome.DONE

    def print_events(self, model: str | None, limit: int) -> Outcome:
        """Prints what became of models lately, newest first.

        Raises:
            ServiceUnreachableError: Nobody answers there, or it is no such service.
            ServiceSilentError: It did not answer in time.
        """
        asked: dict[str, str | int] = {"limit": limit}
        if model is not None:
            asked["model"] = model
        with self._failures(self.answer_s), self._client() as client:
            answer = client.get("/models/events", params=asked)
            told = cast("Mapping[str, object]", answer.json())
        if not answer.is_success:
            return _print_refusal(told)
        table = Table(box=None, pad_edge=False)
        for heading in ("at", "what", "model", "why", "seconds", "MiB", "worker", "more"):
            table.add_column(heading, overflow="fold")
        for event in cast("list[Mapping[str, object]]", told.get("events", [])):
            table.add_row(*_event_row(event))
        Console(soft_wrap=False).print(table)
        return Outcome.DONE

    def states(self) -> Mapping[str, str]:
        """Gives the state of each model; empty = nobody answers there.

        Where a service listens and does not answer in time, or asks for another key, a line on
        stderr says so.
        """
        try:
            with self._failures(self.answer_s), self._client(connect_s=_LOOK_S) as client:
                answer = client.get("/models")
                told = cast("Mapping[str, object]", answer.json())
            if answer.status_code == HTTPStatus.UNAUTHORIZED:
                _print_refusal(told)
            current = told.get("current_model")
            models = cast("list[Mapping[str, object]]", told.get("models", []))
            return {str(model["id"]): _state(model, current) for model in models}
        except ServiceSilentError as exc:
            typer.echo(f"ocr-api: {exc.detail} States are left out.", err=True)
            return {}
        except (ServiceUnreachableError, LookupError, TypeError, AttributeError):
            return {}

    def _client(self, wait_s: float = 0, connect_s: float = _CONNECT_S) -> httpx.Client:
        timeout = httpx.Timeout(connect_s, read=wait_s + self.answer_s)
        shown = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(
            base_url=self.url.rstrip("/"),
            headers=shown,
            timeout=timeout,
            trust_env=is_elsewhere(self.url),  # what is on this machine goes through no proxy
        )

    @contextmanager
    def _failures(self, waited_s: float, hint: str = "") -> Generator[None]:
        try:
            yield
        except httpx.ReadTimeout as exc:
            silence = f"gave no answer within {waited_s:g} s; look at its log."
            msg = f"The service at {self.url} {silence}{hint}"
            raise ServiceSilentError(msg) from exc
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
            msg = f"No OCR API answers at {self.url} ({type(exc).__name__}); name it with --url."
            raise ServiceUnreachableError(msg) from exc


def _print_refusal(problem: Mapping[str, object]) -> Outcome:
    hint = " Set CLIENT_API_KEY to it." if problem.get("code") == UnauthorizedError.code else ""
    typer.echo(f"ocr-api: {problem.get('detail')}{hint} [{problem.get('code')}]", err=True)
    return Outcome.SOME_FAILED


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


def _state(model: Mapping[str, object], current: object) -> str:
    status = str(model["status"])
    return f"{status}, current" if model["id"] == current else status

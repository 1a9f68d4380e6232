"""`ocr-api models` speaks to a service: patient, with a key, and clear where it gives up."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ocr_api.api.model_choice import FIRST_REPORT_S
from ocr_api.cli.model_service import ANSWER_S, ModelService, ServiceSilentError
from ocr_api.settings import load_settings
from tests.service import free_port

SHORT_S = 0.2


@pytest.fixture
def silent_url() -> Iterator[str]:
    """Where something listens that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


MODELS = {"models": [{"id": "got", "status": "loaded"}], "current_model": "got"}
STATES = {"got": "loaded, current"}


class LateAnswer(BaseHTTPRequestHandler):
    """Answers, but later than a look at whether anybody is there takes."""

    def do_GET(self) -> None:
        time.sleep(1.3)
        self.answer(200, MODELS)

    def answer(self, status: int, told: object) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_late_answer_is_waited_for() -> None:
    with serving(LateAnswer) as url:
        assert ModelService(url).states() == STATES
    assert ANSWER_S > FIRST_REPORT_S


KEY = "0123456789abcdef"


class Guarded(LateAnswer):
    """Answers those who show the key alone."""

    def do_GET(self) -> None:
        is_known = self.headers["Authorization"] == f"Bearer {KEY}"
        problem = {"code": "unauthorized", "detail": "No key."}
        self.answer(200 if is_known else 401, MODELS if is_known else problem)


def test_key_of_the_settings_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Guarded) as url:
        assert ModelService(url).states() == {}
        assert "Set CLIENT_API_KEY to it. [unauthorized]" in capsys.readouterr().err
        monkeypatch.setenv("API_KEYS", f"own:{KEY},other:{KEY[::-1]}")
        assert ModelService(url, load_settings().key_for(url)).states() == STATES
        monkeypatch.setenv("CLIENT_API_KEY", KEY[::-1])
        assert ModelService(url, load_settings().key_for(url)).states() == {}


def test_key_of_the_service_itself_goes_to_no_other_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("API_KEYS", f"own:{KEY}")
    for url in ("http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:8000"):
        assert load_settings().key_for(url) == KEY
    for url in ("https://ocr.example", "http://192.0.2.1:8000", "http://[zz"):
        assert load_settings().key_for(url) is None
    monkeypatch.setenv("CLIENT_API_KEY", KEY[::-1])
    assert load_settings().key_for("https://ocr.example") == KEY[::-1]


def test_service_on_this_machine_is_asked_through_no_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(LateAnswer) as url:
        assert ModelService(url).states() == STATES


def test_order_without_an_answer_says_that_it_may_be_carried_out(silent_url: str) -> None:
    with pytest.raises(ServiceSilentError) as caught:
        ModelService(silent_url, answer_s=SHORT_S).order("/models/one/load", None, 0.1)
    assert f"The service at {silent_url} gave no answer within 0.3 s" in caught.value.detail
    assert "ocr-api models events" in caught.value.detail


def test_events_without_an_answer_are_no_unreachable_service(silent_url: str) -> None:
    with pytest.raises(ServiceSilentError, match="gave no answer within"):
        ModelService(silent_url, answer_s=SHORT_S).print_events(None, 20)


def test_list_says_why_it_has_no_states(
    silent_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ModelService(silent_url, answer_s=SHORT_S).states() == {}
    assert "gave no answer within 0.2 s" in capsys.readouterr().err


def test_list_says_nothing_where_no_service_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert ModelService(f"http://127.0.0.1:{free_port()}").states() == {}
    assert capsys.readouterr().err == ""

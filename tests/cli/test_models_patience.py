"""`ocr-api models` waits as long as a service may take to answer, and says where it gave up."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ocr_api.cli.model_service import (
    ServiceSilentError,
    live_states,
    order,
    print_events,
)
from ocr_api.store.server_binary import find_server_binary
from tests.service import eventually, free_port

START_S = 30.0
SHORT_S = 0.2

LOOPBACK_OF_A_STRANGER = "127.1"
"""127.0.0.1 to the resolver; to the settings any machine, whose reports are waited for."""


def program(*arguments: str, data_dir: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ocr_api.cli.main", *arguments],
        env={**os.environ, "DATA_DIR": str(data_dir), "COLUMNS": "200", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def is_alive(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/livez", trust_env=False).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def lone_api(tmp_path: Path) -> Iterator[str]:
    """The URL of an API that started just now on new data elsewhere, and has no worker."""
    store_port, port = free_port(), free_port()
    options = ["--port", str(store_port), "--bind", "127.0.0.1", "--save", ""]
    store = subprocess.Popen(
        [find_server_binary().path, *options], cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    address = {"REDIS_HOST": LOOPBACK_OF_A_STRANGER, "REDIS_PORT": str(store_port)}
    api = program("api", "--port", str(port), data_dir=tmp_path / "data", **address)
    try:
        eventually(lambda: is_alive(port), START_S)
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in (api, store):
            process.kill()
            process.communicate()


@pytest.fixture
def silent_url() -> Iterator[str]:
    """Where something listens that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.processes
def test_commands_wait_for_an_api_that_waits_for_its_first_worker(
    lone_api: str, tmp_path: Path
) -> None:
    at = ("--url", lone_api)
    commands = (
        ("models", "list", *at),
        ("models", "events", *at),
        ("models", "switch", "tesseract", "--wait", "0", *at),
    )
    running = [program(*command, data_dir=tmp_path / "data") for command in commands]

    listed, events, switched = (process.communicate(timeout=60)[0] for process in running)

    assert [process.returncode for process in running] == [0, 0, 0], (listed, events, switched)
    assert "state" in listed.splitlines()[0]
    assert events.split()[:3] == ["at", "what", "model"]
    assert "'tesseract'" in switched


def test_order_without_an_answer_says_that_it_may_be_carried_out(silent_url: str) -> None:
    with pytest.raises(ServiceSilentError) as caught:
        order(silent_url, "/models/one/load", None, 0.1, answer_s=SHORT_S)
    assert f"The service at {silent_url} gave no answer within 0.3 s" in caught.value.detail
    assert "ocr-api models events" in caught.value.detail


def test_events_without_an_answer_are_no_unreachable_service(silent_url: str) -> None:
    with pytest.raises(ServiceSilentError, match="gave no answer within"):
        print_events(silent_url, None, 20, answer_s=SHORT_S)


def test_list_says_why_it_has_no_states(
    silent_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert live_states(silent_url, answer_s=SHORT_S) == {}
    assert "gave no answer within 0.2 s" in capsys.readouterr().err


def test_list_says_nothing_where_no_service_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert live_states(f"http://127.0.0.1:{free_port()}") == {}
    assert capsys.readouterr().err == ""

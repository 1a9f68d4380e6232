"""`ocr-api doctor` and `ocr-api models` tell what can run, and why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from ocr_api.store import EmbeddedServer, connect

pytestmark = pytest.mark.processes


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ocr_api.cli.main", *arguments],
        capture_output=True,
        timeout=60,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def test_healthy_machine_passes_and_the_fallback_is_told(tmp_path: Path) -> None:
    done = run("doctor", "--json", "--data-dir", str(tmp_path / "data"))
    told = {found["topic"]: found for found in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert told["store"]["detail"].startswith("embedded valkey")
    assert "ara" in told["languages of Tesseract"]["detail"].split()
    assert told["model tesseract"]["grade"] == "ok"
    if told["gpu"]["grade"] == "note":
        assert told["default model"]["grade"] == "warning"
        assert "'auto' serves in place of 'qari'" in told["default model"]["detail"]
    assert not (tmp_path / "data").exists()


def test_unreachable_server_fails_with_its_reason() -> None:
    done = run("doctor", REDIS_HOST="127.0.0.1", REDIS_PORT="1")
    assert done.returncode == 1
    assert "failure" in done.stdout


def test_settings_of_an_external_server_that_lose_jobs_are_warned_of(tmp_path: Path) -> None:
    async def set_carelessly(url: str) -> None:
        async with connect(url) as redis:
            await redis.config_set("appendonly", "no")
            await redis.config_set("maxmemory-policy", "allkeys-lru")

    server = EmbeddedServer(tmp_path)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
        careful = run("doctor", "--json", REDIS_URL=server.url)
        portal.call(set_carelessly, server.url)
        careless = run("doctor", "--json", REDIS_URL=server.url)
    assert "store's settings" not in careful.stdout
    told = [found for found in json.loads(careless.stdout) if found["topic"] == "store's settings"]
    assert {found["grade"] for found in told} == {"warning"}
    assert [found["detail"].split()[0] for found in told] == ["maxmemory-policy", "appendonly"]
    assert careless.returncode == 0


def test_models_are_listed_with_reasons() -> None:
    done = run("models", COLUMNS="200")
    assert done.returncode == 0
    assert "qari (default)" in done.stdout
    assert "tesseract" in done.stdout


def test_wrong_setting_stops_the_start_with_exit_code_2() -> None:
    done = run("serve", API_PORT="99999")
    assert done.returncode == 2
    assert "API_PORT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [("WEBHOOK_SECRET", "whsec_hunter2hunter2"), ("WEBHOOK_ALLOWED_NETWORKS", "inside")],
)
def test_wrong_webhook_setting_stops_the_start_and_shows_no_secret(
    variable: str, value: str
) -> None:
    done = run("serve", **{variable: value})
    assert done.returncode == 2
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


def test_unsigned_webhooks_are_a_warning() -> None:
    secret = "whsec_" + "A" * 43 + "="
    for given, grade in (("", "warning"), (secret, "ok")):
        done = run("doctor", "--json", WEBHOOK_SECRET=given)
        told = {found["topic"]: found for found in json.loads(done.stdout)}
        assert told["webhooks"]["grade"] == grade
        assert ("unsigned" in told["webhooks"]["detail"]) == (grade == "warning")
        assert secret not in done.stdout


def test_callers_are_told_by_the_names_of_their_keys() -> None:
    key = "0123456789abcdefgh"
    for given, grade in (("", "note"), (f"archive:{key},clinic:{key[::-1]}", "ok")):
        done = run("doctor", "--json", API_KEYS=given)
        told = {found["topic"]: found for found in json.loads(done.stdout)}
        assert told["callers"]["grade"] == grade
        assert ("archive, clinic" in told["callers"]["detail"]) == (grade == "ok")
        assert key not in done.stdout


@pytest.mark.parametrize(
    ("variable", "value"), [("API_KEYS", "hunter2-hunter2-hunter2"), ("CLIENT_API_KEY", "hunter2")]
)
def test_wrong_key_stops_every_command_and_is_not_shown(variable: str, value: str) -> None:
    for command in ("serve", "models"):
        done = run(command, **{variable: value})
        assert done.returncode == 2
        assert variable in done.stderr
        assert "hunter2" not in done.stderr


def test_address_beyond_loopback_needs_consent(tmp_path: Path) -> None:
    done = run("serve", "--host", "0.0.0.0", "--data-dir", str(tmp_path))  # noqa: S104 - refused
    assert done.returncode == 2
    assert "ALLOW_ANONYMOUS" in done.stderr


def test_data_folder_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("serve", "--port", "0", "--data-dir", str(tmp_path / "file"))
    assert done.returncode == 1
    assert "DATA_DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_api_and_worker_alone_name_what_they_miss() -> None:
    for command in ("api", "worker"):
        done = run(command, API_PORT="0")  # 8000 may be taken
        assert done.returncode == 2
        assert "REDIS_HOST" in done.stderr

"""Switching, loading and unloading models of a service that runs, with scripted models."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.service import (
    Service,
    eventually,
    free_port,
    generating_catalog,
    is_running,
    running,
    small_png,
)

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("orders")
    catalog = generating_catalog(
        folder / "catalog.toml",
        one={"text": "by one"},
        two={"text": "by two", "load_delay_s": 0.5},
        broken={"text": "never", "load_delay_s": 0.5, "fail_load": True},
        hanging={"text": "never", "load_delay_s": 60},
    )
    with running(
        folder / "data", {"CATALOG_FILE": str(catalog), "DEFAULT_MODEL": "one"}, processes=1
    ) as found:
        yield found


def post(service: Service, path: str, **body: str) -> dict[str, Any]:
    answer = service.client.post(path, json=body or None)
    assert answer.status_code in {200, 202}, answer.text
    return dict(answer.json())


def command(service: Service, *words: str, url: str = "") -> tuple[int, str]:
    """Runs `ocr-api models`; gives its exit code and what it printed."""
    where = url or f"http://127.0.0.1:{service.port}"
    done = subprocess.run(
        [sys.executable, "-m", "ocr_api.cli.main", "models", *words, "--url", where],
        env={
            "PATH": os.environ["PATH"],
            "COLUMNS": "200",
            "CATALOG_FILE": str(service.data_dir.parent / "catalog.toml"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def current(service: Service) -> dict[str, Any]:
    return dict(service.client.get("/models/current").json())


def status_of(service: Service, model: str) -> str:
    return str(service.client.get(f"/models/{model}").json()["status"])


def test_load_and_unload_start_and_end_the_process(service: Service) -> None:
    before = set(service.pids("model child"))
    assert post(service, "/models/two/load?wait=20")["status"] == "loaded"
    (pid,) = set(service.pids("model child")) - before
    told = post(service, "/models/two/unload?wait=20")
    assert (told["status"], told["message"]) == ("ready", "'two' is unloaded.")
    eventually(lambda: not is_running(pid), 5)
    job = service.ended(service.submit(small_png(), model="two"))
    assert job["result"]["text"] == "by two"
    assert post(service, "/models/two/unload?wait=20")["status"] == "ready"


def test_load_that_fails_says_why(service: Service) -> None:
    told = post(service, "/models/broken/load?wait=20")
    assert told["status"] == "failed"
    assert "told not to load" in told["message"]


def test_unload_ends_a_load_that_hangs(service: Service) -> None:
    before = set(service.pids("model child"))
    post(service, "/models/hanging/load")
    eventually(lambda: status_of(service, "hanging") == "loading", 10)
    assert post(service, "/models/hanging/unload?wait=20")["message"] == "'hanging' is unloaded."
    eventually(lambda: not set(service.pids("model child")) - before, 5)


def test_switch_holds_at_once_and_its_model_is_loaded(service: Service) -> None:
    told = post(service, "/models/switch?wait=20", model="two")
    assert (told["previous_model"], told["current_model"]) == ("one", "two")
    assert told["status"] == "loaded"
    job = service.ended(service.submit(small_png()))
    assert (job["model"], job["result"]["text"]) == ("two", "by two")


def test_switch_to_what_cannot_be_loaded_is_taken_back(service: Service) -> None:
    post(service, "/models/switch?wait=20", model="one")
    told = post(service, "/models/switch", model="broken")
    assert told["current_model"] == "broken"
    jobs = [service.submit(small_png()) for _ in range(4)]
    eventually(lambda: current(service)["model"] == "one", 20)
    failure = current(service)["last_failure"]
    assert failure["model"] == "broken"
    assert "told not to load" in failure["reason"]
    ended = [service.ended(job) for job in jobs]
    assert [job["status"] for job in ended] == ["completed"] * 4
    assert {(job["model"], job["result"]["text"]) for job in ended} == {("one", "by one")}
    told = post(service, "/models/switch?wait=20", model="broken")
    assert (told["status"], told["current_model"]) == ("failed", "one")
    assert post(service, "/models/switch?wait=20", model="two")["previous_model"] == "one"


def test_switch_and_its_failure_outlive_a_restart(service: Service) -> None:
    post(service, "/models/switch?wait=20", model="broken")
    post(service, "/models/two/unload?wait=20")
    before = current(service)
    service.stop()
    service.start()
    after = current(service)
    assert (after["model"], after["last_failure"]) == (before["model"], before["last_failure"])
    eventually(lambda: status_of(service, before["model"]) in {"loaded", "ready"}, 10)
    log = service.log.read_text()
    for event in ("model_loaded", "model_unloaded", "model_switched", "taken_back"):
        assert event in log


def test_switch_that_nobody_decided_before_the_restart_is_taken_back_after_it(
    service: Service,
) -> None:
    service.kill("worker")
    before = current(service)["model"]
    post(service, "/models/switch", model="broken")
    service.stop()
    service.start()
    eventually(lambda: current(service)["model"] == before, 20)


def test_command_orders_and_tells_the_live_state(service: Service) -> None:
    assert command(service, "switch", "one") == (
        0,
        "loaded: Jobs that name no model now get 'one'.\n",
    )
    assert command(service, "load", "two") == (0, "loaded: 'two' is loaded.\n")
    code, table = command(service, "list")
    assert code == 0
    rows = {line.split()[0]: line for line in table.splitlines() if line.strip()}
    assert "loaded, current" in rows["one"]
    assert " loaded " in rows["two"]
    assert command(service, "unload", "two") == (0, "ready: 'two' is unloaded.\n")
    code, told = command(service, "switch", "nonsense")
    assert (code, "[unknown_model]" in told) == (1, True)
    assert command(service, "load", "broken")[0] == 1


def test_command_says_where_no_service_answers(service: Service) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    code, told = command(service, "load", "two", url=url)
    assert (code, "[service_unreachable]" in told) == (1, True)
    assert command(service, "list", url=url)[0] == 0


def test_killed_workers_models_vanish_within_seconds(service: Service) -> None:
    post(service, "/models/one/load?wait=20")
    (worker,) = service.pids("worker")
    service.kill("worker")
    eventually(
        lambda: all(str(worker) not in found["id"] for found in current(service)["workers"]), 6
    )

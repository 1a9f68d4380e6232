"""Workers that are limited to some models each (`WORKER_MODELS`), on one queue."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import Fleet, running_fleet
from tests.service import eventually, generating_catalog, small_png

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

PAGE = next((Path(__file__).parents[2] / "eval" / "pages").glob("01_*.png"))
ROUTES = '\n[[routes]]\nmodels = ["two", "one"]\nreason = "a test"\n'


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = generating_catalog(
        tmp_path_factory.mktemp("catalog") / "catalog.toml",
        one={"text": "by one {pid}"},
        two={"text": "by two {pid}"},
        three={"text": "never"},
        broken={"text": "never", "fail_load": True},
    )
    path.write_text(path.read_text() + ROUTES)
    return path


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, catalog: Path) -> Iterator[Fleet]:
    """Worker `first` serves one alone, `second` serves two and broken; nobody serves three."""
    shared = {"CATALOG_FILE": str(catalog), "DEFAULT_MODEL": "one", "PRELOAD_MODELS": "one,two"}
    with running_fleet(tmp_path_factory.mktemp("fleet"), shared) as found:
        found.start_worker("first", WORKER_MODELS="one")
        found.start_worker("second", WORKER_MODELS="two,broken")
        yield found


def worker_of(fleet: Fleet, model: str) -> list[str]:
    return [worker["id"] for worker in fleet.workers() if model in worker["models"]]


def test_each_worker_loads_its_own_models_ahead(fleet: Fleet) -> None:
    eventually(lambda: all(worker_of(fleet, model) for model in ("one", "two")), 30)
    assert [worker["models"] for worker in fleet.workers()] in (
        [["one"], ["two"]],
        [["two"], ["one"]],
    )
    assert "model_not_loaded_ahead" in fleet.log("first")


def test_models_are_those_of_the_whole_fleet(fleet: Fleet) -> None:
    models = {model["id"]: model for model in fleet.get("/models")["models"]}
    assert models["one"]["is_available"]
    assert models["two"]["is_available"]
    assert not models["three"]["is_available"]
    assert models["three"]["status"] == "not_found"
    assert "WORKER_MODELS leaves it out" in models["three"]["message"]
    for path, body in (
        ("/models/switch", {"model": "three"}),
        ("/models/three/load", {}),
        ("/ocr?model=three", {"base64": b64encode(small_png()).decode()}),
    ):
        problem = fleet.post(path, 409, **body)
        assert "WORKER_MODELS leaves it out" in problem["detail"]


def test_jobs_are_read_by_the_worker_that_serves_their_model(fleet: Fleet) -> None:
    names = ["one", "two"] * 4
    jobs = [fleet.submit(small_png(), model=model) for model in names]
    ended = [fleet.ended(job) for job in jobs]
    assert [job["model"] for job in ended] == names
    texts = {job["result"]["text"] for job in ended}
    assert len(texts) == 2  # one process each
    assert {text.rpartition(" ")[0] for text in texts} == {"by one", "by two"}


def test_auto_reaches_a_model_of_the_other_worker(fleet: Fleet) -> None:
    ended = [fleet.ended(fleet.submit(PAGE.read_bytes(), model="auto")) for _ in range(4)]
    assert {job["result"]["text"].rpartition(" ")[0] for job in ended} == {"by two"}
    assert {page["model"] for job in ended for page in job["result"]["metadata"]["pages"]} == {
        "two"
    }


def test_switch_is_followed_by_the_worker_that_serves_the_model(fleet: Fleet) -> None:
    (second,) = worker_of(fleet, "two")
    fleet.post("/models/two/unload?wait=20")
    told = fleet.post("/models/switch?wait=20", model="two")
    assert told["status"] == "loaded"
    assert worker_of(fleet, "two") == [second]
    told = fleet.post("/models/switch?wait=20", model="broken")
    assert (told["status"], told["current_model"]) == ("failed", "two")
    assert fleet.ended(fleet.submit(small_png()))["model"] == "two"


def test_unload_is_followed_by_those_that_serve_the_model(fleet: Fleet) -> None:
    assert fleet.post("/models/one/unload?wait=20")["message"] == "'one' is unloaded."
    assert fleet.ended(fleet.submit(small_png(), model="one"))["model"] == "one"


def test_model_comes_and_goes_with_the_worker_that_serves_it(fleet: Fleet) -> None:
    third = fleet.start_worker("third", WORKER_MODELS="three")
    assert fleet.get("/models/three")["is_available"]
    job = fleet.submit(small_png(), model="three")
    assert fleet.ended(job)["result"]["text"] == "never"
    fleet.stop(third)
    eventually(lambda: not fleet.get("/models/three")["is_available"], 10)


def test_what_became_of_models_is_told_by_the_api_and_the_command(fleet: Fleet) -> None:
    events = fleet.get("/models/events?limit=500")["events"]
    kinds = {(event["kind"], event["model"], event["why"]) for event in events}
    assert {
        ("load", "one", "preload"),
        ("unload", "two", "wish"),
        ("load", "two", "switch"),
        ("load_failed", "broken", "switch"),
        ("rollback", "broken", "failure"),
        ("unload", "three", "stop"),
    } <= kinds
    switches = [event for event in events if event["kind"] == "switch"]
    assert [(event["model"], event["previous_model"]) for event in switches] == [
        ("broken", "two"),
        ("two", "one"),
    ]
    assert {event["by"] for event in switches} == {"127.0.0.1"}
    assert [event["at"] for event in events] == sorted(
        (event["at"] for event in events), reverse=True
    )
    loads = [event for event in events if event["kind"] == "load"]
    assert all(event["worker"] and event["memory_mib"] > 0 for event in loads)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ocr_api.cli.main", "models", "events"),
            *("--model", "broken", "--url", str(fleet.client.base_url)),
        ],
        env={"COLUMNS": "250"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines()[1:]] == [
        "rollback",
        "load_failed",
        "switch",
    ]


def test_unknown_model_stops_the_start_with_its_name(fleet: Fleet, catalog: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ocr_api.cli.main", "worker"],
        env={"CATALOG_FILE": str(catalog), "REDIS_URL": fleet.url, "WORKER_MODELS": "one,tow"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "WORKER_MODELS: there is no model 'tow'" in done.stderr

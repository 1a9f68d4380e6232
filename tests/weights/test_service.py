"""A service whose model's weights are on a hub: jobs wait for them, and then are read."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ocr_api.weights import Found, WeightsPlaces, record_verification
from ocr_api.weights.lock import LOCK
from tests.hub import FakeHub, model_files, safetensors
from tests.service import Service, descendants, eventually, running, scripted_catalog, small_png
from tests.weights.records import verification_of

pytestmark = pytest.mark.processes
REPO = "maker/tiny"
SIZE = 6_000_000
CHILD = "ocr_api.child.download_process"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalog with a model `slow` of the scripted engine whose weights are published."""
    path = scripted_catalog(tmp_path / "catalog.toml", text="read")
    with path.open("a") as file:
        file.write(f'weights = {{ repo = "{REPO}", download_mib = 6 }}\n')
    return path


def environment(hub: FakeHub, tmp_path: Path, catalog: Path, **more: str) -> Mapping[str, str]:
    return {
        "CATALOG_FILE": str(catalog),
        "HF_ENDPOINT": hub.url,
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(tmp_path / "hf"),
        "MODELS_DIR": str(tmp_path / "models"),
        **more,
    }


@pytest.fixture
def service(hub: FakeHub, tmp_path: Path, catalog: Path) -> Iterator[Service]:
    with running(tmp_path / "data", environment(hub, tmp_path, catalog)) as started:
        yield started


def model(service: Service) -> dict[str, Any]:
    answer = service.client.get("/models/slow")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def has(service: Service, **facts: object) -> Callable[[], bool]:
    return lambda: facts.items() <= model(service).items()


def test_job_waits_for_the_weights_and_survives_a_killed_download(
    hub: FakeHub, service: Service
) -> None:
    hub.add(REPO, model_files(SIZE))
    hub.pace_s = 0.05
    eventually(has(service, status="not_found", is_available=True, is_ready=False), 20)
    assert "about 6 MiB" in model(service)["message"]
    assert hub.requests == []  # nobody needs them yet
    job = service.submit(small_png(), model="slow")
    eventually(lambda: ((model(service)["progress"] or {}).get("done_bytes") or 0) > 1_200_000, 20)
    assert model(service)["progress"]["total_bytes"] > SIZE
    assert model(service)["status"] == "downloading"
    assert service.job(job)["status"] == "pending"

    (child,) = [pid for pid, line in descendants(service.pid) if CHILD in line]
    os.kill(child, signal.SIGKILL)
    eventually(has(service, status="failed", is_available=False), 20)
    assert service.job(job)["status"] == "pending"
    assert "tried again" in model(service)["message"]
    refused = service.client.post("/ocr?model=slow", content=small_png())
    assert refused.status_code == 409  # as long as it is not known that they can be had

    hub.pace_s = 0.0
    service.kill("worker")  # a fresh one does not wait
    assert service.ended(job)["status"] == "completed"
    first, second = hub.content_requests("model.safetensors")
    assert first is None
    assert int((second or "")[6:-1]) > 1_000_000


def test_weights_arrive_and_the_job_is_read(hub: FakeHub, service: Service, tmp_path: Path) -> None:
    hub.add(REPO, model_files(SIZE))
    hub.pace_s = 0.005
    job = service.submit(small_png(), model="slow")
    ended = service.ended(job)
    assert ended["status"] == "completed"
    assert ended["result"]["text"] == "read"
    eventually(has(service, status="loaded", progress=None), 10)
    assert (tmp_path / "models" / LOCK).exists()


def test_absent_weights_without_downloads_leave_the_fallback(
    hub: FakeHub, tmp_path: Path, catalog: Path
) -> None:
    told = environment(hub, tmp_path, catalog, ALLOW_DOWNLOADS="false", DEFAULT_MODEL="slow")
    with running(tmp_path / "data", told) as service:
        refused = service.client.post("/ocr?model=slow", content=small_png())
        assert refused.status_code == 409
        assert refused.json()["code"] == "model_unavailable"
        for needed in (str(tmp_path / "models" / "slow"), "ocr-api models pull slow"):
            assert needed in refused.json()["detail"]
        shown = model(service)
        assert (shown["status"], shown["is_available"]) == ("not_found", False)
        taken = service.client.post("/ocr", content=small_png()).json()
        assert service.job(taken["job_id"])["model"] == "auto"
        assert hub.requests == []

        folder = tmp_path / "models" / "slow"  # the operator brings them: no restart is needed
        folder.mkdir(parents=True)
        (folder / "tokenizer.json").write_text("{}")
        (folder / "config.json").write_text("{}")
        eventually(lambda: "model.safetensors is missing" in model(service)["message"], 10)
        (folder / "model.safetensors").write_bytes(safetensors())
        eventually(has(service, status="ready", is_ready=True), 10)
        assert service.ended(service.submit(small_png(), model="slow"))["status"] == "completed"


def test_failed_download_keeps_jobs_waiting_and_a_broken_folder_ends_them(
    service: Service, tmp_path: Path
) -> None:
    job = service.submit(small_png(), model="slow")  # the hub has no repository at all
    eventually(has(service, status="failed", is_available=False), 30)
    assert f"has no {REPO}" in model(service)["message"]
    assert service.job(job)["status"] == "pending"
    folder = tmp_path / "models" / "slow"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{")
    ended = service.ended(job)
    assert ended["status"] == "failed"
    assert ended["error_detail"]["code"] == "model_unavailable"
    assert f"{folder}/config.json is not valid JSON" in ended["error"]


def test_offline_service_reads_from_the_cache_and_asks_nobody(
    hub: FakeHub, tmp_path: Path, catalog: Path
) -> None:
    places = WeightsPlaces(tmp_path / "models", tmp_path / "hf" / "hub")
    snapshot = places.repo_folder(REPO) / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    for name, data in model_files().items():
        if "/" not in name:
            (snapshot / name).write_bytes(data)
    ref = places.repo_folder(REPO) / "refs" / "main"
    ref.parent.mkdir()
    ref.write_text("a" * 40)
    told = environment(hub, tmp_path, catalog, HF_HUB_OFFLINE="1")
    with running(tmp_path / "data", told) as service:
        assert service.ended(service.submit(small_png(), model="slow"))["status"] == "completed"
        time.sleep(1.5)  # a look of the worker later
        assert hub.requests == []


def test_running_service_sees_that_its_weights_were_verified(
    service: Service, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / "slow"
    folder.mkdir(parents=True)
    for name, data in model_files().items():
        if "/" not in name:
            (folder / name).write_bytes(data)
    eventually(has(service, status="ready", verified=False), 20)
    read_well = verification_of(Found(folder, is_plain=True), "none")
    record_verification(tmp_path / "models", "slow", read_well)
    eventually(has(service, verified=True), 20)
    (folder / "config.json").write_text('{"another": "model"}')
    eventually(has(service, verified=False, status="ready"), 20)

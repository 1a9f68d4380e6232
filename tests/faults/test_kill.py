"""kill -9 of every process of the service while jobs run: no accepted job is lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ocr_api.errors import StoreInUseError
from tests.service import (
    ROLES,
    Service,
    eventually,
    is_running,
    running,
    scripted_catalog,
    small_png,
)

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

JOBS = 16
KILLS = 3


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service whose model `slow` takes a while for a page, with short leases."""
    catalog = scripted_catalog(tmp_path / "own.toml", delay_s=0.25, text="read")
    environment = {
        "CATALOG_FILE": str(catalog),
        "LEASE_SECONDS": "2",
        "MAX_ATTEMPTS": "10",
        "DEFAULT_MODEL": "slow",
    }
    with running(tmp_path / "data", environment) as started:
        yield started


def submit_patiently(service: Service) -> str:
    """Submits until there is a 202; what got none was never accepted."""
    ids: list[str] = []

    def is_accepted() -> bool:
        try:
            ids.append(service.submit(small_png()))
        except Exception:  # noqa: BLE001 - refused or cut off: tried again
            return False
        return True

    eventually(is_accepted, 30)
    return ids[-1]


def assert_each_read_once(service: Service, ids: list[str]) -> None:
    """Every job ended completed, with exactly one committed result in the store."""
    jobs = [service.ended(job_id) for job_id in ids]
    assert [job["status"] for job in jobs] == ["completed"] * len(ids), jobs
    assert {job["result"]["text"] for job in jobs} == {"read"}
    assert {len(job["result"]["pages"]) for job in jobs} == {1}
    listed = service.client.get("/ocr", params={"limit": "100"}).json()["jobs"]
    assert {job["job_id"] for job in listed} >= set(ids)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "inspecting child"])
def test_killed_process_loses_no_job(service: Service, role: str) -> None:
    service.ended(service.submit(small_png()))
    hits = 0
    with ThreadPoolExecutor(4) as callers:
        accepted = [callers.submit(submit_patiently, service) for _ in range(JOBS)]
        for _ in range(KILLS):
            time.sleep(0.5)
            hits += service.kill(role)
        ids = [one.result() for one in accepted]
    assert hits >= 1
    assert_each_read_once(service, ids)


def test_killed_inspecting_child_loses_no_job(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "eval" / "pages" / "14_ar_naskh_96dpi.jpg"
    environment = {"MAX_ATTEMPTS": "10", "LEASE_SECONDS": "2"}
    with running(tmp_path / "data", environment) as service:
        ids = [service.submit(page.read_bytes(), model="tesseract") for _ in range(4)]
        hits = 0
        for _ in range(4):
            time.sleep(0.4)
            hits += service.kill("inspecting child")
        assert hits >= 1
        assert {service.ended(job_id)["status"] for job_id in ids} == {"completed"}


def test_killed_serve_takes_all_down_and_its_successor_finishes_the_jobs(service: Service) -> None:
    ids = [service.submit(small_png()) for _ in range(JOBS)]
    time.sleep(0.5)
    processes = service.tree()
    assert len(processes) >= 5
    service.stop(signal.SIGKILL)
    eventually(lambda: not any(map(is_running, processes)), 10)
    service.start()
    assert_each_read_once(service, ids)


def test_stopping_serve_hands_pages_back_and_leaves_no_process(service: Service) -> None:
    ids = [service.submit(small_png()) for _ in range(JOBS)]
    processes = service.tree()
    assert service.stop(signal.SIGINT) == 0
    assert not any(map(is_running, processes))
    service.start()
    assert_each_read_once(service, ids)
    assert all(service.job(job_id)["attempts"] == 1 for job_id in ids)


def test_second_serve_on_the_same_data_refuses(service: Service) -> None:
    second = Service(service.data_dir)
    second.log = service.log.with_suffix(".second")
    second.start(wait=False)
    assert second._process is not None
    assert second._process.wait(20) != 0
    assert StoreInUseError.code in second.log.read_text()
    assert service.is_ready()


def test_stale_worker_changes_nothing(service: Service) -> None:
    ids = [service.submit(small_png()) for _ in range(JOBS)]
    time.sleep(0.4)
    (worker,) = service.pids("worker")
    os.kill(worker, signal.SIGSTOP)
    time.sleep(3)
    os.kill(worker, signal.SIGCONT)
    assert_each_read_once(service, ids)


def test_uploads_of_ended_jobs_are_removed(service: Service) -> None:
    ids = [service.submit(small_png()) for _ in range(4)]
    assert_each_read_once(service, ids)
    eventually(
        lambda: len(service.blobs()) == len(ids) and all("result" in b for b in service.blobs()),
        10,
        service.blobs,
    )

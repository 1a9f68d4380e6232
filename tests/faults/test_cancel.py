"""Cancelling and time limits really stop the work, in the real service."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from tests.faults.pdfs import scanned_pdf
from tests.service import Service, eventually, is_running, running, scripted_catalog, small_png

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]
LIMIT_S = 2.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose model `slow` never comes to an end with a page."""
    folder = tmp_path_factory.mktemp("service")
    catalog = scripted_catalog(folder / "own.toml", fail="hang")
    environment = {
        "CATALOG_FILE": str(catalog),
        "DEFAULT_MODEL": "slow",
        "JOB_TIMEOUT": str(LIMIT_S),
        "LEASE_SECONDS": "30",
    }
    with running(folder / "data", environment, processes=1) as started:
        yield started


def begin(service: Service) -> tuple[str, int]:
    """Submits a page; gives its job and the process that reads it, once it does."""
    job_id = service.submit(small_png())
    eventually(lambda: service.job(job_id)["status"] == "processing", 20)
    eventually(lambda: bool(service.pids("model child")), 20)
    return job_id, service.pids("model child")[0]


def test_cancelled_work_stops_within_a_second(service: Service) -> None:
    job_id, child = begin(service)
    time.sleep(0.3)
    started_at = time.monotonic()
    answer = service.client.delete(f"/ocr/{job_id}")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    eventually(lambda: not is_running(child), 5)
    assert time.monotonic() - started_at < 1.0
    eventually(lambda: not any(job_id in name for name in service.blobs()), 10)
    assert service.job(job_id)["status"] == "cancelled"


def test_page_that_takes_too_long_is_stopped_once_and_for_all(service: Service) -> None:
    started_at = time.monotonic()
    job_id, child = begin(service)
    job = service.ended(job_id)
    assert (job["status"], job["error_detail"]["code"]) == ("failed", "page_timeout")
    assert LIMIT_S * 0.8 < time.monotonic() - started_at < LIMIT_S * 2 + 5
    assert job["attempts"] == 1
    eventually(lambda: not is_running(child), 5)


def test_all_pages_of_a_cancelled_document_are_let_go_within_a_second(service: Service) -> None:
    job_id = service.submit(scanned_pdf(30, small=True), filename="long.pdf")
    eventually(lambda: service.job(job_id)["progress"]["pages_total"] == 30, 20)
    eventually(lambda: bool(service.pids("model child")), 20)
    time.sleep(0.3)
    children = service.pids("model child")
    started_at = time.monotonic()
    service.client.delete(f"/ocr/{job_id}")
    eventually(lambda: not any(is_running(child) for child in children), 5)
    assert time.monotonic() - started_at < 1.0
    events = service.client.get(f"/ocr/{job_id}/events").text
    assert re.findall(r'"status":"(\w+)"', events)[-1] == "cancelled"
    eventually(lambda: not any(job_id in name for name in service.blobs()), 10)
    following, _ = begin(service)
    assert service.client.delete(f"/ocr/{following}").json()["status"] == "cancelled"

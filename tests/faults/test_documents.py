"""Documents of many pages through the whole service, also while its processes are killed."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.faults.pdfs import blank_pdf, scanned_pdf
from tests.service import ROLES, Service, eventually, running, scripted_catalog

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

PAGES = 20


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that reads pages of files that may be large."""
    folder = tmp_path_factory.mktemp("documents")
    with running(folder / "data", {"DEFAULT_MODEL": "scripted", "MAX_PAGES": "50"}) as started:
        yield started


@pytest.fixture
def slow_service(tmp_path: Path) -> Iterator[Service]:
    """A service that takes a while for a page, with short leases and results."""
    catalog = scripted_catalog(tmp_path / "own.toml", delay_s=0.2, text="read")
    environment = {
        "CATALOG_FILE": str(catalog),
        "LEASE_SECONDS": "2",
        "MAX_ATTEMPTS": "10",
        "DEFAULT_MODEL": "slow",
        "JOB_RESULT_TTL": "10",
    }
    with running(tmp_path / "data", environment) as started:
        yield started


def tiff(pages: int) -> bytes:
    """A TIFF file whose pages grow in width."""
    frames = [Image.new("L", (40 + number, 20), 255) for number in range(pages)]
    target = io.BytesIO()
    for frame in frames:
        frame.putpixel((5, 5), 0)
    frames[0].save(target, "TIFF", save_all=True, append_images=frames[1:])
    return target.getvalue()


def heads(job: dict[str, Any]) -> list[str]:
    """The heads of the pages in the text of a job."""
    return re.findall(r"^=== (Page \d+ of \d+) ===$", job["result"]["text"], re.MULTILINE)


def test_pages_of_a_pdf_stand_in_order_under_their_heads(service: Service) -> None:
    job = service.ended(service.submit(scanned_pdf(12)))
    assert (job["status"], job["partial"]) == ("completed", False)
    assert job["progress"] == {"pages_total": 12, "pages_done": 12, "pages_failed": 0}
    assert heads(job) == [f"Page {number} of 12" for number in range(1, 13)]
    assert [page["page_number"] for page in job["result"]["pages"]] == list(range(1, 13))
    assert job["result"]["metadata"]["total_pages"] == 12
    assert job["attempts"] == 12


def test_pages_of_a_tiff_are_its_frames(service: Service) -> None:
    job = service.ended(service.submit(tiff(5), filename="a.tiff"))
    widths = [page["width_px"] for page in job["result"]["metadata"]["pages"]]
    assert widths == [40, 41, 42, 43, 44]


def test_chosen_pages_alone_are_read(service: Service) -> None:
    job_id = service.submit(scanned_pdf(9), pages="2, 7-30")
    job = service.ended(job_id)
    assert heads(job) == ["Page 2 of 9", "Page 7 of 9", "Page 8 of 9", "Page 9 of 9"]
    assert job["progress"]["pages_total"] == 4
    assert job["warnings"] == [
        "The document has 9 pages; of those asked for (2,7-30), 2,7-9 exist."
    ]
    assert service.client.get(f"/ocr/{job_id}/pages/7").json()["status"] == "completed"
    assert service.client.get(f"/ocr/{job_id}/pages/3").json()["code"] == "unknown_page"
    job = service.ended(service.submit(scanned_pdf(2), pages="3-4"))
    assert (job["status"], job["error_detail"]["code"]) == ("failed", "no_such_pages")


def test_limit_on_pages_is_told_at_opening_and_holds_for_chosen_pages(service: Service) -> None:
    job = service.ended(service.submit(blank_pdf(51)))
    assert (job["status"], job["error_detail"]["code"]) == ("failed", "too_many_pages")
    assert (job["error_detail"]["pages_total"], job["progress"]["pages_total"]) == (51, None)
    job = service.ended(service.submit(blank_pdf(51), pages="51"))
    assert (job["status"], heads(job)) == ("completed", ["Page 51 of 51"])


def test_damaged_page_in_the_middle_costs_itself_alone(service: Service) -> None:
    job_id = service.submit(scanned_pdf(7, damaged=4))
    job = service.ended(job_id)
    assert (job["status"], job["partial"], job["error"]) == ("completed", True, None)
    (failed,) = job["failed_pages"]
    assert (failed["page_number"], failed["error_detail"]["page"]) == (4, 4)
    assert failed["error_detail"]["code"] == "document_damaged"
    assert heads(job) == [f"Page {number} of 7" for number in (1, 2, 3, 5, 6, 7)]
    assert job["progress"] == {"pages_total": 7, "pages_done": 6, "pages_failed": 1}
    page = service.client.get(f"/ocr/{job_id}/pages/4").json()
    assert (page["status"], page["error"]) == ("failed", failed["error"])


def test_encrypted_pdf_opens_with_its_password_alone(service: Service) -> None:
    locked = blank_pdf(3, password="open sesame")  # noqa: S106 - of a file made here
    for sent, code in (({}, "document_encrypted"), ({"password": "x"}, "document_encrypted")):
        job = service.ended(service.submit(locked, **sent))
        assert (job["status"], job["error_detail"]["code"]) == ("failed", code)
    job_id = service.submit(locked, password="open sesame")  # noqa: S106
    job = service.ended(job_id)
    assert (job["status"], job["progress"]["pages_done"]) == ("completed", 3)
    listed = service.client.get("/ocr").text
    assert "sesame" not in str(job) + listed + service.log.read_text()


def test_page_is_served_while_the_rest_is_read(slow_service: Service) -> None:
    job_id = slow_service.submit(blank_pdf(PAGES))
    first = f"/ocr/{job_id}/pages/1"
    eventually(lambda: slow_service.status_of(first) == 200, 10)
    job = slow_service.job(job_id)
    assert job["status"] == "processing"
    assert job["progress"]["pages_total"] == PAGES
    assert 1 <= job["progress"]["pages_done"] < PAGES
    assert slow_service.client.get(f"/ocr/{job_id}/pages/{PAGES}").json()["code"] == (
        "job_not_finished"
    )
    assert slow_service.ended(job_id)["progress"]["pages_done"] == PAGES
    eventually(lambda: results(slow_service, job_id) == [], 20)


@pytest.mark.parametrize("role", ["worker", "document child", "model child"])
def test_killed_process_costs_no_page_and_none_is_read_twice(
    slow_service: Service, role: str
) -> None:
    assert role in ROLES
    slow_service.ended(slow_service.submit(blank_pdf(1)))
    job_id = slow_service.submit(blank_pdf(PAGES))
    hits = 0
    for _ in range(2):
        time.sleep(0.7)
        hits += slow_service.kill(role)
    assert hits >= 1
    committed = read_so_far(slow_service, job_id)
    job = slow_service.ended(job_id)
    assert (job["status"], job["partial"], job["failed_pages"]) == ("completed", False, [])
    assert heads(job) == [f"Page {number} of {PAGES}" for number in range(1, PAGES + 1)]
    assert committed.items() <= read_so_far(slow_service, job_id).items()
    eventually(lambda: len(results(slow_service, job_id)) == PAGES, 8)


def read_so_far(service: Service, job_id: str) -> dict[int, float]:
    """How long each page took that has been read; a page that is read again takes another time."""
    answers = {
        number: service.client.get(f"/ocr/{job_id}/pages/{number}")
        for number in range(1, PAGES + 1)
    }
    return {
        number: answer.json()["metadata"]["duration_s"]
        for number, answer in answers.items()
        if answer.status_code == 200
    }


def results(service: Service, job_id: str) -> list[str]:
    """The files of a job in the object store."""
    return [name for name in service.blobs() if job_id in name]

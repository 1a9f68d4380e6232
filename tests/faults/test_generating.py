"""Models that generate, in the real service: batches, stops, streams, deaths, load errors."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faults.pdfs import scanned_pdf
from tests.service import Service, eventually, generating_catalog, running, small_png

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

LONG = "{pid} " + " ".join(f"word{number}" for number in range(600))
STORY = "\n".join(" ".join(f"w{line}.{word}" for word in range(8)) for line in range(6))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("generating")
    catalog = generating_catalog(
        folder / "own.toml",
        endless={"text": LONG, "token_delay_s": 0.05},
        counter={"text": "{batch} {prompt_mode} {prompt}", "token_delay_s": 0.1},
        storyteller={"text": STORY, "token_delay_s": 0.05, "footprint_mib": 77},
        broken={"fail_load": True},
    )
    environment = {
        "CATALOG_FILE": str(catalog),
        "DEFAULT_MODEL": "counter",
        "JOB_TIMEOUT": "6",
        "MAX_ATTEMPTS": "2",
    }
    with running(folder / "data", environment) as started:
        yield started


def listen(service: Service, job_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Names and data of a job's events, to the end."""
    answer = service.client.get(f"/ocr/{job_id}/events", timeout=60)
    blocks = [block.splitlines() for block in answer.text.split("\n\n")]
    found = [dict(line.split(": ", 1) for line in lines if ": " in line) for lines in blocks]
    return [(event["event"], json.loads(event["data"])) for event in found if "event" in event]


def begin(service: Service) -> tuple[str, str]:
    """Submits a page that takes half a minute; gives its job and its reader, once it writes."""
    job_id = service.submit(small_png(), model="endless")
    with service.client.stream("GET", f"/ocr/{job_id}/events", timeout=60) as events:
        lines = events.iter_lines()
        next(line for line in lines if line == "event: text")
        told = json.loads(next(lines).removeprefix("data: "))
    return job_id, told["text"].split()[0]


def test_cancelled_page_ends_within_two_seconds_and_the_model_goes_on(service: Service) -> None:
    job_id, pid = begin(service)
    assert service.client.delete(f"/ocr/{job_id}").json()["status"] == "cancelled"
    started_at = time.monotonic()
    following, same = begin(service)  # the model has one process, so it was free by then
    assert time.monotonic() - started_at < 4  # includes the start of the next page
    assert same == pid
    service.client.delete(f"/ocr/{following}")


def test_page_that_takes_too_long_ends_and_the_model_goes_on(service: Service) -> None:
    started_at = time.monotonic()
    job_id, pid = begin(service)
    job = service.ended(job_id)
    assert (job["status"], job["error_detail"]["code"]) == ("failed", "page_timeout")
    assert time.monotonic() - started_at < 6 + 2 + 4
    following, same = begin(service)
    assert same == pid
    service.client.delete(f"/ocr/{following}")


def test_pages_of_killed_child_are_read_by_the_next(service: Service) -> None:
    job_id = service.submit(scanned_pdf(3, small=True), filename="three.pdf", model="storyteller")
    before = set(service.pids("model child"))
    eventually(lambda: service.job(job_id)["progress"]["pages_total"] == 3, 20)
    eventually(lambda: service.job(job_id)["status"] == "processing", 20)
    time.sleep(1)
    for pid in set(service.pids("model child")) - before or before:
        os.kill(pid, signal.SIGKILL)
    job = service.ended(job_id)
    assert job["status"] == "completed"
    assert job["result"]["text"].count("w5.7") == 3


def test_pages_that_wait_together_are_read_together(service: Service) -> None:
    with ThreadPoolExecutor(4) as callers:
        ids = list(callers.map(lambda _: service.submit(small_png()), range(12)))
    sizes = [int(service.ended(job_id)["result"]["text"].split()[0]) for job_id in ids]
    assert max(sizes) > 1, sizes
    assert all(service.job(job_id)["attempts"] == 1 for job_id in ids)


def test_model_is_asked_for_what_the_caller_chose(service: Service) -> None:
    asked = service.submit(small_png(), model="counter", prompt_mode="layout", prompt="Names only")
    assert service.ended(asked)["result"]["text"] == "1 layout Names only"
    plain = service.submit(small_png(), model="counter", prompt_mode="markdown")
    assert service.ended(plain)["result"]["text"] == "1 None None"


def test_streamed_text_adds_up_to_the_result(service: Service) -> None:
    job_id = service.submit(scanned_pdf(2, small=True), filename="two.pdf", model="storyteller")
    events = listen(service, job_id)
    told: dict[int, str] = {}
    for name, data in events:
        if name == "text":
            assert data["offset"] in {0, len(told.get(data["page_number"], ""))}
            known = told.get(data["page_number"], "") if data["offset"] else ""
            told[data["page_number"]] = known + data["text"]
    assert told == {1: STORY, 2: STORY}
    pages = service.ended(job_id)["result"]["pages"]
    assert [page["text"] for page in pages] == [STORY, STORY]
    names = [name for name, _ in events]
    assert names.count("text") > 4
    assert names.index("page") > names.index("text")


def test_listener_that_comes_late_gets_the_text_from_its_beginning(service: Service) -> None:
    job_id = service.submit(small_png(), model="storyteller")
    with service.client.stream("GET", f"/ocr/{job_id}/events", timeout=60) as early:
        next(line for line in early.iter_lines() if line == "event: text")
    time.sleep(0.5)
    told = [data for name, data in listen(service, job_id) if name == "text"]
    assert told[0]["offset"] == 0
    assert "".join(data["text"] for data in told) == STORY


def test_models_tell_what_was_measured_and_why_loading_failed(service: Service) -> None:
    service.ended(service.submit(small_png(), model="storyteller"))

    def shown(model: str) -> dict[str, Any]:
        return dict(service.client.get(f"/models/{model}").json())

    eventually(lambda: shown("storyteller")["status"] == "loaded", 10)
    assert shown("storyteller")["memory_mib"] == 77
    failed = service.ended(service.submit(small_png(), model="broken"))
    assert failed["error_detail"]["code"] == "model_load_failed"
    eventually(lambda: shown("broken")["status"] == "failed", 10)
    assert "told not to load" in shown("broken")["message"]

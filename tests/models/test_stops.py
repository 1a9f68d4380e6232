"""Models that are in the middle of a page: streamed, cancelled, too slow, killed, cut."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkpoints.endless import write_endless
from tests.models.serving import (
    batches_of,
    child_of,
    completed,
    events_of,
    metadata_of,
    page_bytes,
    page_of,
    put_into_models_dir,
    read,
    serving,
    text_told,
    texts_of,
    wait_for_text,
)
from tests.service import Service, is_running

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

LETTER = texts_of("deepseek")["deepseek-letter.png"]
TIME_LIMIT_S = 15
SLACK_S = 2
"""The project promises 2 s; this machine may be busy with other things besides."""
IDLE_S = 0.5
ENTRY = """
[models.{id}]
name = "{id}"
best_for = "tests"
engine = "ocr_api.engines.vision_language.deepseek:DeepSeekEngine"
device = "cuda"
prompt_modes = ["text"]
quantization = "none"
batch_pages = 4
instances = 1
inspect = false
weights = {{ repo = "tests/{id}" }}
settings = {{ max_new_tokens = {tokens} }}
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One with `endless`, which writes for half a minute, and `tireless`, for a second."""
    folder = tmp_path_factory.mktemp("stops")
    models = put_into_models_dir(folder / "models")
    write_endless(models / "endless")
    (models / "tireless").symlink_to(models / "endless")
    catalog = folder / "own.toml"
    entries = {"endless": 20_000, "tireless": 400}
    catalog.write_text(
        "".join(ENTRY.format(id=name, tokens=most) for name, most in entries.items())
    )
    limits = {"CPU_MODEL_TIMEOUT": str(TIME_LIMIT_S), "MAX_ATTEMPTS": "2"}
    with serving(folder, CATALOG_FILE=str(catalog), DEFAULT_MODEL="endless", **limits) as started:
        yield started


def begin(service: Service) -> tuple[str, int]:
    """Submits a page that takes half a minute; gives its job and its reader, once it writes."""
    job_id = service.submit(page_bytes("deepseek-letter.png"), model="endless")
    assert LETTER.startswith(wait_for_text(service, job_id)[:8])
    return job_id, child_of(service, "endless")


def seconds_until_idle(pid: int) -> float:
    """Waits until a process has not computed for `IDLE_S`; gives how long that took."""
    started_at = last = time.monotonic()
    used = cpu_ticks(pid)
    while time.monotonic() - last < IDLE_S:
        time.sleep(0.02)
        if cpu_ticks(pid) > used:
            used, last = cpu_ticks(pid), time.monotonic()
    return time.monotonic() - started_at


def cpu_ticks(pid: int) -> int:
    """Gives the time that a process has computed; see proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def assert_reads_on(service: Service, pid: int) -> None:
    """The same process reads the next page, as exactly as ever."""
    job_id = service.submit(page_bytes("deepseek-letter.png"), model="endless")
    assert wait_for_text(service, job_id, len(LETTER)).startswith(LETTER)
    service.client.delete(f"/ocr/{job_id}")
    assert child_of(service, "endless") == pid
    assert is_running(pid)


def test_cancelled_page_ends_soon_and_the_model_goes_on(service: Service) -> None:
    job_id, pid = begin(service)
    started_at = time.monotonic()
    assert service.client.delete(f"/ocr/{job_id}").json()["status"] == "cancelled"
    took_s = time.monotonic() - started_at + seconds_until_idle(pid) - IDLE_S
    sys.stdout.write(f"cancelled generation went on for {took_s:.2f} s\n")
    assert took_s <= 2 + SLACK_S
    assert_reads_on(service, pid)


def test_page_that_takes_too_long_ends_and_the_model_goes_on(service: Service) -> None:
    job_id, pid = begin(service)
    started_at = time.monotonic()
    job = service.ended(job_id)
    took_s = time.monotonic() - started_at
    sys.stdout.write(f"page ended after {took_s:.2f} s; allowed are {TIME_LIMIT_S} s\n")
    assert (job["status"], job["error_detail"]["code"]) == ("failed", "page_timeout")
    assert took_s <= TIME_LIMIT_S + 2 + SLACK_S
    assert seconds_until_idle(pid) - IDLE_S <= SLACK_S
    assert_reads_on(service, pid)


def test_cancelled_page_leaves_its_batch_alone(service: Service) -> None:
    job_id, pid = begin(service)
    files = ("deepseek-invoice.png", "deepseek-letter.png")
    ended, mate = (service.submit(page_bytes(file), model="endless") for file in files)
    time.sleep(1)  # both are rendered by then, and wait for the model
    service.client.delete(f"/ocr/{job_id}")
    known = len(wait_for_text(service, mate))
    assert batches_of(service, pid)[-1] == 2
    service.client.delete(f"/ocr/{ended}")
    assert wait_for_text(service, mate, known + 100).startswith(LETTER)
    service.client.delete(f"/ocr/{mate}")
    assert_reads_on(service, pid)


def test_pages_of_a_killed_child_are_read_by_the_next(service: Service) -> None:
    files = ("deepseek-letter.png", "deepseek-invoice.png", "deepseek-report.png")
    alone = {file: page_of(read(service, "tireless", file)) for file in files}
    pid = child_of(service, "tireless")
    wait_for_text(service, service.submit(page_bytes(files[0]), model="tireless"))
    os.kill(pid, signal.SIGSTOP)  # meanwhile the others come to wait, and are read together
    jobs = {file: service.submit(page_bytes(file), model="tireless") for file in files}
    time.sleep(1)
    os.kill(pid, signal.SIGCONT)
    wait_for_text(service, jobs[files[0]])
    assert batches_of(service, pid)[-1] == len(files)
    os.kill(pid, signal.SIGKILL)
    for file, job_id in jobs.items():
        job = completed(service, job_id)
        assert page_of(job)["raw_text"].startswith(texts_of("deepseek")[file])
        assert page_of(job) == alone[file]
    following = child_of(service, "tireless")
    assert following != pid
    assert batches_of(service, following) == [1] * len(files)


def test_streamed_text_adds_up_from_the_start_and_from_midway(service: Service) -> None:
    job_id = service.submit(page_bytes("deepseek-letter.png"), model="tireless")
    early = wait_for_text(service, job_id)
    late = events_of(service, job_id)  # a second listener, who comes while the page is written
    job = completed(service, job_id)
    assert text_told(late) == job["result"]["text"]
    assert job["result"]["text"].startswith(early)
    following = service.submit(page_bytes("deepseek-invoice.png"), model="tireless")
    events = events_of(service, following)
    assert text_told(events) == completed(service, following)["result"]["text"]
    names = [name for name, _ in events]
    assert names.count("text") > 1
    assert names.index("text") < names.index("page")


def test_answer_at_its_token_limit_is_flagged(service: Service) -> None:
    job = read(service, "tireless", "deepseek-letter.png")
    assert job["result"]["text"].startswith(LETTER)
    assert metadata_of(job)["flags"] == ["truncated"]
    assert "token limit" in " ".join(metadata_of(job)["warnings"])
    assert "token limit" in " ".join(job["warnings"])

"""Spoiled files, submitted over HTTP to the running service: each ends, and nothing stays behind.

With thousands of files: `make fuzz`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.hostile.corpus import sound_files, spoiled
from tests.hostile.scale import scaled, seed, tell
from tests.service import Service, eventually, running

pytestmark = [pytest.mark.processes, pytest.mark.timeout(7200 if "FUZZ" in os.environ else 240)]

FILES = 300
CALLERS = 6
DEADLINE_S = 60
"""From the 202 to the end of a job, five others beside it, some of them at their limits."""
PARENTS = ("api", "worker", "notifier")
MOST_GROWTH_MIB = 60
ERRORS = Path(__file__).parents[2] / "docs" / "errors.md"
LIMITS = {
    "MAX_PIXELS": "2000000",
    "MAX_PAGES": "20",
    "DOCUMENT_TIMEOUT": "8",
    "DOCUMENT_CPU_SECONDS": "3",
    "DOCUMENT_MEMORY_MIB": "512",
}


def outcome_of(service: Service, client: httpx.Client, data: bytes) -> str:
    """Submits a file and waits for the end of its job; gives the status, or the error's code."""
    answer = client.post("/ocr", content=data, params={"model": "scripted"})
    if answer.status_code != 202:
        assert 400 <= answer.status_code < 500, answer.text
        return str(answer.json()["code"])
    job = service.ended(answer.json()["job_id"], DEADLINE_S)
    if job["status"] == "failed":
        assert len(job["error"]) > 10
        return str(job["error_detail"]["code"])
    for page in job["failed_pages"]:
        assert page["error_detail"]["code"] in documented_codes()
    return "partial" if job["partial"] else "completed"


def documented_codes() -> frozenset[str]:
    """The codes that docs/errors.md explains."""
    return frozenset(re.findall(r'<a id="(\w+)">', ERRORS.read_text()))


def sizes_mib(service: Service) -> Mapping[str, float]:
    """Resident memory of the processes that never decode."""
    pages = {
        role: int(Path(f"/proc/{service.pids(role)[0]}/statm").read_text().split()[1])
        for role in PARENTS
    }
    return {role: count * os.sysconf("SC_PAGE_SIZE") / 2**20 for role, count in pages.items()}


def roles(service: Service) -> Counter[str]:
    """How many processes there are of each role."""
    return Counter({role: len(service.pids(role)) for role in (*PARENTS, "valkey", "model child")})


def audit(service: Service) -> subprocess.CompletedProcess[str]:
    """What `doctor --audit` says."""
    command = [sys.executable, "-m", "ocr_api.cli.main", "doctor", "--audit"]
    return subprocess.run(
        [*command, "--data-dir", str(service.data_dir)], capture_output=True, text=True, check=False
    )


def test_spoiled_files_end_with_a_documented_outcome_and_leave_nothing(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with running(tmp_path / "data", {**LIMITS, "TMPDIR": str(temporary)}) as service:
        sound = sound_files()
        expected = {name: outcome_of(service, service.client, data) for name, data in sound.items()}
        assert expected.pop("pdf-encrypted") == "document_encrypted"
        assert set(expected.values()) == {"completed"}, expected
        before, processes = sizes_mib(service), roles(service)

        tally = attack(service, sound)
        tell(f"seed {seed()}: {dict(tally)}")
        assert set(tally) <= documented_codes() | {"completed", "partial"}
        assert tally["completed"] > 0
        assert tally["document_damaged"] > 0
        assert tally["internal_error"] == 0

        for name in expected:
            assert outcome_of(service, service.client, sound[name]) == "completed", name
        assert_nothing_is_left(service, temporary)
        eventually(lambda: roles(service) == processes, 20, lambda: roles(service))
        grown = {role: size - before[role] for role, size in sizes_mib(service).items()}
        tell(f"grown by {grown} MiB")
        assert max(grown.values()) < MOST_GROWTH_MIB, grown
    assert "Traceback" not in service.log.read_text()


def attack(service: Service, sound: Mapping[str, bytes]) -> Counter[str]:
    """Submits spoiled files from several callers at once; gives how they ended."""
    random = Random(seed())  # noqa: S311 - repeatable, not secret
    files = [spoiled(random, sound) for _ in range(scaled(FILES))]
    slow: list[tuple[float, str]] = []

    def attempt(numbered: tuple[int, tuple[str, bytes]]) -> str:
        number, (name, data) = numbered
        began = time.monotonic()
        code = outcome_of(service, service.client, data)
        slow.append((time.monotonic() - began, f"{number} {name} {code}"))
        if code in {"document_crashed", "document_limit_exceeded", "internal_error"}:
            tell(f"file {number}, {name}: {code}")
        return code

    with ThreadPoolExecutor(CALLERS) as callers:
        tally = Counter(callers.map(attempt, enumerate(files)))
    tell(f"slowest: {sorted(slow)[-3:]}")
    return tally


def assert_nothing_is_left(service: Service, temporary: Path) -> None:
    """No upload, no temporary file, no key without its file or the other way round."""
    eventually(
        lambda: not [name for name in service.blobs() if not name.startswith("results/")],
        40,
        service.blobs,
    )
    assert [path for path in temporary.rglob("*") if path.is_file()] == []
    told = audit(service)
    assert told.returncode == 0, told.stdout

"""Many jobs from many callers at once against a real API: none is lost, each is listed once.

Run as `python -m bench.stress` (10,000 jobs, 50 callers). No worker runs: what is tried is intake.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
import httpx

from ocr_api.store import EmbeddedServer, JobStore, StoreLimits, audit, connect, open_blobs
from tests.service import free_port, small_png

_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Tally:
    """What came out.

    Attributes:
        accepted: Jobs answered with 202.
        lost: Of these, how many the list does not show.
        listed_twice: Jobs that the list shows more than once.
        unknown: Listed jobs that nobody was told of.
        discrepancies: Findings of the audit.
        submits_per_s: Through HTTP, uploads on disk.
        median_ms: Of one submission, with all callers busy.
    """

    accepted: int
    lost: int
    listed_twice: int
    unknown: int
    discrepancies: int
    submits_per_s: float
    median_ms: float

    @property
    def is_clean(self) -> bool:
        """Nothing was lost, doubled or left over."""
        return not (self.lost or self.listed_twice or self.unknown or self.discrepancies)


async def stress(folder: Path, jobs: int, callers: int) -> Tally:
    """Submits jobs from callers at once, lists while they come in and afterwards, and audits."""
    async with EmbeddedServer(folder / "data") as server, connect(server.url) as redis:
        async with serving_api(folder, server.url) as client:
            started_at = time.perf_counter()
            answers = await _submit_all(client, jobs, callers)
            took_s = time.perf_counter() - started_at
            listed = await list_all(client)
        blobs = await open_blobs(folder / "data" / "uploads")
        wrong = await audit(redis, JobStore(redis, StoreLimits()), blobs)
    accepted = [job_id for job_id, _ in answers]
    return Tally(
        accepted=len(set(accepted)),
        lost=len(set(accepted) - set(listed)),
        listed_twice=len(listed) - len(set(listed)),
        unknown=len(set(listed) - set(accepted)),
        discrepancies=len(wrong),
        submits_per_s=round(jobs / took_s, 1),
        median_ms=round(1000 * statistics.median(seconds for _, seconds in answers), 1),
    )


@asynccontextmanager
async def serving_api(folder: Path, redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Runs an API alone, in a process of its own."""
    port = free_port()
    settings = {
        "REDIS_URL": redis_url,
        "DATA_DIR": str(folder / "data"),
        "API_PORT": str(port),
        "LOG_LEVEL": "warning",
    }
    process = subprocess.Popen(  # noqa: ASYNC220 - started once, before anything is measured
        [sys.executable, "-m", "ocr_api.cli.main", "api"],
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
    )
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    base = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(
            base_url=base, trust_env=False, timeout=60, limits=limits
        ) as client:
            with anyio.fail_after(_START_S):
                while not await _is_up(client):  # noqa: ASYNC110 - another process starts
                    await anyio.sleep(0.05)
            yield client
    finally:
        process.terminate()
        process.wait(20)


async def list_all(client: httpx.AsyncClient) -> list[str]:
    """Gives the ids that following the cursor shows."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        asked = {"limit": "100"} | ({} if cursor is None else {"cursor": cursor})
        part = (await client.get("/ocr", params=asked)).raise_for_status().json()
        found += [job["id"] for job in part["jobs"]]
        cursor = part["next_cursor"]
        if cursor is None:
            return found


async def _submit_all(
    client: httpx.AsyncClient, jobs: int, callers: int
) -> list[tuple[str, float]]:
    answers: list[tuple[str, float]] = []
    numbers = iter(range(jobs))
    page = small_png()

    async def call() -> None:
        for number in numbers:
            started_at = time.perf_counter()
            job_id = await _submit(client, page, f"job-{number}")
            answers.append((job_id, time.perf_counter() - started_at))

    async def list_meanwhile() -> None:
        listed = await list_all(client)
        if len(listed) != len(set(listed)):
            raise RuntimeError("a job was listed twice while others came in")

    async with anyio.create_task_group() as group:
        for _ in range(callers):
            group.start_soon(call)
        await anyio.sleep(0.5)
        await list_meanwhile()
    return answers


async def _submit(client: httpx.AsyncClient, page: bytes, key: str) -> str:
    """Submits one page; a connection that breaks is no reason to have two jobs of it."""
    headers = {"Idempotency-Key": key}
    while True:
        try:
            answer = await client.post("/ocr?model=tesseract", content=page, headers=headers)
        except httpx.TransportError:
            continue
        if answer.status_code == httpx.codes.ACCEPTED:
            return str(answer.json()["job_id"])
        if answer.status_code != httpx.codes.CONFLICT:
            raise RuntimeError(answer.text)
        await anyio.sleep(0.1)


async def _is_up(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health")).is_success
    except httpx.HTTPError:
        return False


def main() -> None:
    """Prints the tally; exit code 1 where it is not clean."""
    parser = argparse.ArgumentParser(prog="bench.stress", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--callers", type=int, default=50)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = anyio.run(stress, Path(folder), chosen.jobs, chosen.callers)
    sys.stdout.write(json.dumps(asdict(tally), indent=2) + "\n")
    sys.exit(0 if tally.is_clean else 1)


if __name__ == "__main__":
    main()

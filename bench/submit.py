"""Submission over HTTP: with a long queue against a short one, and with one API against two.

Run as `python -m bench.submit`. No worker runs. For the length of the queue, two stores with an API
each stand side by side, one with 10 jobs and one with 100,000 (put there through the store's own
calls, with a file each), and get one submission after the other, in turns. For the number of APIs,
two processes serve one store; 50 connections go to one of them or to both, in turns.
"""

from __future__ import annotations

import argparse
import os
import platform
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from bench.raw_http import send_all, submission
from bench.stress import serving_api
from ocr_api.store import EmbeddedServer, JobStore, StoreLimits, connect
from tests.service import small_png
from tests.store.samples import make_job

_FILLERS = 24
_SHORT_QUEUE = 10
_IN_TURN = 10


@dataclass(frozen=True, slots=True)
class Latencies:
    """Medians of single submissions in each round, in ms."""

    queued: int
    short_ms: Sequence[float]
    long_ms: Sequence[float]

    @property
    def ratio(self) -> float:
        """Median of the rounds' ratios, long to short."""
        pairs = zip(self.long_ms, self.short_ms, strict=True)
        return round(statistics.median(long / short for long, short in pairs), 2)


@dataclass(frozen=True, slots=True)
class Rates:
    """Submissions a second in each round, and the share of a core that the client took."""

    one: Sequence[float]
    two: Sequence[float]
    client_share: float


async def compare_queues(folder: Path, queued: int, rounds: int, submits: int) -> Latencies:
    """Submits to a short and to a long queue in turns."""
    short_ms: list[float] = []
    long_ms: list[float] = []
    request = submission(small_png())
    async with (
        filled_api(folder / "short", _SHORT_QUEUE) as short_port,
        filled_api(folder / "long", queued) as long_port,
    ):
        for port in (short_port, long_port):
            await send_all([port], request, 20, 1)
        for _ in range(rounds):
            short: list[float] = []
            long: list[float] = []
            for _ in range(submits // _IN_TURN):
                short += await send_all([short_port], request, _IN_TURN, 1)
                long += await send_all([long_port], request, _IN_TURN, 1)
            short_ms.append(round(1000 * statistics.median(short), 2))
            long_ms.append(round(1000 * statistics.median(long), 2))
    return Latencies(queued, short_ms, long_ms)


@asynccontextmanager
async def filled_api(folder: Path, queued: int) -> AsyncIterator[int]:
    """Serves an API on a store of its own with so many jobs queued; gives its port."""
    async with EmbeddedServer(folder / "data") as server:
        async with connect(server.url) as redis:
            await redis.config_set("appendfsync", "no")
            await fill(JobStore(redis, StoreLimits()), folder / "data" / "uploads", queued)
            await redis.config_set("appendfsync", "always")
        async with serving_api(folder, server.url) as client:
            yield client.base_url.port or 0


async def fill(store: JobStore, uploads: Path, count: int) -> None:
    """Queues jobs, each with a file, by the calls that the API makes."""
    ids = [secrets.token_urlsafe(16) for _ in range(count)]
    await anyio.to_thread.run_sync(_write_files, uploads, ids)
    waiting = iter(ids)

    async def create(some: Iterator[str]) -> None:
        for job_id in some:
            await store.create(make_job(job_id, "tesseract"))

    async with anyio.create_task_group() as group:
        for _ in range(_FILLERS):
            group.start_soon(create, waiting)


def _write_files(uploads: Path, ids: Sequence[str]) -> None:
    uploads.mkdir(parents=True, mode=0o700)
    page = small_png()
    for job_id in ids:
        (uploads / job_id).write_bytes(page)


async def compare_apis(folder: Path, rounds: int, submits: int, connections: int) -> Rates:
    """Submits to one and to two API processes of one store in turns."""
    one: list[float] = []
    two: list[float] = []
    request = submission(small_png())
    async with (
        EmbeddedServer(folder / "data") as server,
        serving_api(folder, server.url) as first,
        serving_api(folder, server.url) as second,
    ):
        ports = [first.base_url.port or 0, second.base_url.port or 0]
        await send_all(ports, request, 100, connections)
        started_at, used_s = time.perf_counter(), time.process_time()
        for _ in range(rounds):
            one.append(await _rate(ports[:1], request, submits, connections))
            two.append(await _rate(ports, request, submits, connections))
        share = (time.process_time() - used_s) / (time.perf_counter() - started_at)
    return Rates(one, two, round(share, 2))


async def _rate(ports: Sequence[int], request: bytes, submits: int, connections: int) -> float:
    started_at = time.perf_counter()
    await send_all(ports, request, submits, connections)
    return round(submits / (time.perf_counter() - started_at), 1)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(prog="bench.submit", description=__doc__)
    parser.add_argument("--queued", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--submits", type=int, default=100, help="in each round, one at a time")
    parser.add_argument("--burst", type=int, default=1000, help="in each round, by 50 connections")
    chosen = parser.parse_args()
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    _tell(f"Python {platform.python_version()}, {os.cpu_count()} cores, load average {load}")
    with tempfile.TemporaryDirectory() as folder:
        found = anyio.run(
            compare_queues, Path(folder), chosen.queued, chosen.rounds, chosen.submits
        )
    _tell("| one submission over HTTP | median of each round, ms |\n|---|---|")
    _tell(f"| {_SHORT_QUEUE} jobs queued | {_row(found.short_ms)} |")
    _tell(f"| {found.queued} jobs queued | {_row(found.long_ms)} |")
    _tell(f"| median ratio | {found.ratio} |")
    with tempfile.TemporaryDirectory() as folder:
        rates = anyio.run(compare_apis, Path(folder), chosen.rounds, chosen.burst, 50)
    ratio = statistics.median(two / one for one, two in zip(rates.one, rates.two, strict=True))
    _tell("| 50 connections | submits/s in each round |\n|---|---|")
    _tell(f"| one API process | {_row(rates.one)} |")
    _tell(f"| two API processes | {_row(rates.two)} |")
    _tell(f"| median ratio | {ratio:.2f} |")
    _tell(f"| share of a core that the client took | {rates.client_share} |")


def _row(values: Sequence[float]) -> str:
    return ", ".join(map(str, values))


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

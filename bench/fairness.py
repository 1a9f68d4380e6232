"""A 500-page job and one-page jobs behind it, on the store alone: who waits for how many pages?

Run as `python -m bench.fairness`. Three queues on one embedded server: sorted ready sets with fair
ranks (ours), and streams with all or with few pages of a job in flight.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, cast

import anyio
import anyio.lowlevel
from redis.asyncio import Redis

from ocr_api.store import EmbeddedServer, JobStore, StoreLimits, connect
from tests.store.samples import make_job, must_open

PAGES, SHORT_JOBS, READERS = 500, 20, 2
PAGE_S = 0.005


class Line(Protocol):
    """A queue of pages."""

    async def submit(self, job_id: str, pages: int) -> None:
        """Queues a job."""

    async def read_next(self, read: Callable[[str], Awaitable[None]]) -> bool:
        """Has the next page of some job read; False = none is there."""
        ...


class Ranked:
    """Sorted ready sets, as the service uses them; every transition is recorded."""

    def __init__(self, redis: Redis) -> None:
        self._store = JobStore(redis, StoreLimits())
        self._pages: dict[str, int] = {}

    async def submit(self, job_id: str, pages: int) -> None:
        """Queues a job."""
        self._pages[job_id] = pages
        await self._store.create(make_job(job_id))

    async def read_next(self, read: Callable[[str], Awaitable[None]]) -> bool:
        """Has the next page read."""
        claim = await self._store.claim("bench", ["auto"])
        if claim is None:
            await anyio.lowlevel.checkpoint()
            return bool(self._pages)  # another reader is opening a document
        if claim.is_opening:
            claim = await must_open(self._store, claim, self._pages[claim.job.id])
            del self._pages[claim.job.id]
        await read(claim.job.id)
        await self._store.finish(claim, f"results/{claim.name}")
        return True


class Streamed:
    """A stream with at most so many pages of a job in it; keeps no record of jobs at all."""

    def __init__(self, redis: Redis, in_flight: int) -> None:
        self._redis = redis
        self._in_flight = in_flight
        self._waiting: dict[str, deque[int]] = {}

    async def submit(self, job_id: str, pages: int) -> None:
        """Queues a job."""
        self._waiting[job_id] = deque(range(1, pages + 1))
        for _ in range(min(pages, self._in_flight)):
            await self._push(job_id)

    async def read_next(self, read: Callable[[str], Awaitable[None]]) -> bool:
        """Has the next page read."""
        reply = await self._redis.xreadgroup("readers", "bench", {"{ocr}:stream": ">"}, count=1)
        found = cast("list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]", reply)
        if not found:
            return False
        entry, fields = found[0][1][0]
        job_id = fields[b"job"].decode()
        await read(job_id)
        await self._redis.xack("{ocr}:stream", "readers", entry)
        await self._redis.xdel("{ocr}:stream", entry)
        await self._push(job_id)
        return True

    async def _push(self, job_id: str) -> None:
        if self._waiting[job_id]:
            page = self._waiting[job_id].popleft()
            await self._redis.xadd("{ocr}:stream", {"job": job_id, "page": page})


async def measure(line: Line) -> dict[str, object]:
    """Gives how many pages were started between the submission of each short job and its start."""
    started: dict[str, int] = {}
    submitted: dict[str, int] = {}
    count = 0

    async def read(job_id: str) -> None:
        nonlocal count
        count += 1
        started.setdefault(job_id, count)
        await anyio.sleep(PAGE_S)

    async def work() -> None:
        while await line.read_next(read):
            pass

    async def submit_short() -> None:
        for number in range(SHORT_JOBS):
            await anyio.sleep(4 * PAGE_S)
            submitted[f"short-{number}"] = count
            await line.submit(f"short-{number}", 1)

    await line.submit("long", PAGES)
    started_at = time.perf_counter()
    async with anyio.create_task_group() as group:
        group.start_soon(submit_short)
        for _ in range(READERS):
            group.start_soon(work)
    waits = [started[job_id] - submitted[job_id] for job_id in submitted]
    return {
        "median_pages_waited": statistics.median(waits),
        "most_pages_waited": max(waits),
        "pages_per_s": round(count / (time.perf_counter() - started_at), 1),
    }


async def run() -> dict[str, object]:
    """Measures the three queues on one server, one after the other."""
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedServer(Path(folder)) as server, connect(server.url) as redis:
            lines: dict[str, Line] = {
                "sorted sets, fair ranks": Ranked(redis),
                "stream, all pages": Streamed(redis, PAGES),
                "stream, 4 pages of a job": Streamed(redis, 4),
            }
            for name, line in lines.items():
                await redis.flushall()
                await redis.xgroup_create("{ocr}:stream", "readers", id="0", mkstream=True)
                figures[name] = await measure(line)
    return figures


if __name__ == "__main__":
    sys.stdout.write(json.dumps(anyio.run(run), indent=2) + "\n")

"""This service's queue with the worker's own claiming: claim, keep the result, finish; no child.

Where no folder is given (`-`), results go into the server, as the other queues' do.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from redis.asyncio import Redis

from bench.contenders.timing import RESULT, Load, Took, main, submit_all
from ocr_api.jobs import Claim, Job, MediaType, PageRanges, PageResult
from ocr_api.pages import Block, Box, Line, PageText
from ocr_api.store import (
    Announcements,
    JobStore,
    StoreLimits,
    connect,
    connect_listener,
    encode_result,
    open_blobs,
    result_key,
    upload_key,
)
from ocr_api.worker.claiming import Claiming
from ocr_api.worker.hands import Hand, Hands
from ocr_api.worker.leases import Leases

_MODELS = ("auto", "rapidocr", "scripted", "tesseract")
Keep = Callable[[str, bytes], Awaitable[None]]
_WHOLE = Box(0, 0, 595, 842)
_READ = PageResult(
    1, RESULT["model"], PageText(595, 842, (Block((Line(RESULT["text"], _WHOLE),), _WHOLE),))
)


class Reading:
    """What `process_claim` does, without children and without an upload to open."""

    def __init__(self, store: JobStore, keep: Keep, leases: Leases, load: Load) -> None:
        self.all_kept = anyio.Event()
        self._store = store
        self._keep = keep
        self._leases = leases
        self._pages = load.pages
        self._left = load.pages * load.jobs

    async def process(self, claim: Claim, _hand: Hand) -> None:
        """Works on a claim; where it opened a document, its first page follows."""
        following: Claim | None = claim
        while following is not None:
            with self._leases.held(following):
                following = await self._step(following)

    async def _step(self, claim: Claim) -> Claim | None:
        if claim.is_opening:
            pages = PageRanges.of([(1, self._pages)])
            return await self._store.open(claim, pages_total=self._pages, pages=pages)
        key = result_key(claim.job.id, claim.page_number, claim.attempt)
        await self._keep(key, encode_result(_READ))
        if not await self._store.finish(claim, key):
            raise RuntimeError(claim.name)
        self._left -= 1
        if self._left == 0:
            self.all_kept.set()
        return None


async def measure(load: Load) -> Took:
    """Submits, then works everything off."""
    async with connect(load.url) as redis, connect_listener(load.url) as listener:
        store = JobStore(redis, StoreLimits())

        async def submit(_: int) -> None:
            job_id = secrets.token_urlsafe(16)
            await store.admit(job_id, None)
            await store.create(_job(job_id))

        submit_s = await submit_all(load.jobs, load.concurrency, submit)
        announcements = Announcements(listener)
        leases = Leases(store, announcements, "bench", 10.0)
        reading = Reading(store, await _keeping(redis, load.folder), leases, load)
        claiming = Claiming(store, announcements, "bench", Hands(_MODELS, load.concurrency, {}))
        started_at = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(announcements.run)
            tasks.start_soon(leases.keep)
            tasks.start_soon(claiming.run, reading.process, anyio.Event())
            await reading.all_kept.wait()
            work_s = time.perf_counter() - started_at
            tasks.cancel_scope.cancel()
    return Took(submit_s, work_s)


async def _keeping(redis: Redis, folder: str) -> Keep:
    if folder != "-":
        return (await open_blobs(Path(folder))).put

    async def put(key: str, data: bytes) -> None:
        await redis.set(key, data, ex=3600)

    return put


def _job(job_id: str) -> Job:
    return Job(
        id=job_id,
        model="auto",
        requested_model="auto",
        media_type=MediaType.PNG,
        size_bytes=1000,
        upload_key=upload_key(job_id),
        filename="page.png",
    )


if __name__ == "__main__":
    main(measure)

"""Data that an earlier version wrote is read and worked on.

`recorded/layout-1` was written by the first version of layout 1: a job read, one failed, one
claimed by a worker that is gone, and two waiting; before there were priorities and events.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ocr_api.jobs import JobStatus, Priority
from ocr_api.store import (
    EmbeddedServer,
    IdempotencyKey,
    JobStore,
    StoreLimits,
    audit,
    connect,
    keys,
    open_blobs,
    result_key,
    upload_key,
)
from tests.store.samples import make_job, must_claim

pytestmark = pytest.mark.anyio
RECORDED = Path(__file__).parent / "recorded" / "layout-1"
LIVING = ("claimed", "waiting-1", "waiting-2")


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[Redis]:
    """A server that runs on a copy of the recorded data."""
    shutil.copytree(RECORDED, tmp_path / "data")
    async with EmbeddedServer(tmp_path / "data") as server, connect(server.url) as redis:
        yield redis


async def test_jobs_of_the_first_layout_are_all_there(old: Redis) -> None:
    store = JobStore(old, StoreLimits())
    await store.check_schema()
    found = {job.id: job for job in (await store.list_jobs(limit=10)).jobs}
    assert {name: job.status for name, job in found.items()} == {
        "done": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "claimed": JobStatus.PROCESSING,
        "waiting-1": JobStatus.PENDING,
        "waiting-2": JobStatus.PENDING,
    }
    assert {job.priority for job in found.values()} == {Priority.NORMAL}
    assert await store.events("waiting-1") == []


async def test_jobs_of_the_first_layout_are_worked_on_beside_new_ones(old: Redis) -> None:
    store = JobStore(old, StoreLimits())
    assert await store.retry("failed") == 1
    for priority in Priority:
        await store.create(make_job(f"new-{priority}", priority=priority))
    await old.zadd(keys.LEASES, {"claimed:1": 1})
    assert await store.reclaim_expired() == 1
    claims = [await must_claim(store) for _ in range(7)]
    old_ones = [claim.job.id for claim in claims if claim.job.id in LIVING]
    assert old_ones == list(LIVING)
    for claim in claims:
        assert await store.finish(claim, f"results/{claim.name}")
    jobs = (await store.list_jobs(limit=10)).jobs
    assert {job.status for job in jobs} == {JobStatus.COMPLETED}


async def test_data_of_the_first_layout_passes_the_audit(old: Redis, tmp_path: Path) -> None:
    store, blobs = JobStore(old, StoreLimits()), await open_blobs(tmp_path / "blobs")
    for job_id in (*LIVING, "failed"):
        await blobs.put(upload_key(job_id), b"upload")
    await blobs.put(result_key("done", 1, 1), b"result")
    assert await audit(old, store, blobs, settle_s=0) == []
    assert await store.admit("new", IdempotencyKey.of("k")) is None


async def test_first_version_goes_on_beside_this_one(old: Redis) -> None:
    """What the first version's claim did: it took the lowest rank of the ready set."""
    store = JobStore(old, StoreLimits())
    await store.create(make_job("new"))
    lowest = await old.zrange(keys.READY + "auto", 0, 0)
    assert lowest == [b"waiting-1:1"]
    await old.zrem(keys.READY + "auto", "waiting-1:1", "waiting-2:1")
    assert await old.zrange(keys.READY + "auto", 0, 0) == [b"new:00000"]

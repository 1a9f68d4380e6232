"""The sweeper removes what nobody needs, and nothing else."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from ocr_api.jobs import PageRecord, PageStatus
from ocr_api.store import (
    BlobInfo,
    Blobs,
    EmbeddedServer,
    JobStore,
    StoreLimits,
    Sweeper,
    SweepLimits,
    connect,
    keys,
    result_key,
    upload_key,
)
from ocr_api.store.sweeper import is_orphan, lost_results
from tests.store.samples import FILES_FAULT, PROBLEM, make_job, must_claim

pytestmark = pytest.mark.anyio

GRACE_S = 100.0


def make_sweeper(store: JobStore, blobs: Blobs, ahead_s: float = 0) -> Sweeper:
    limits = SweepLimits(interval_s=0.01, walk_interval_s=0.01, grace_s=GRACE_S)
    return Sweeper(store, blobs, limits, clock=lambda: time.time() + ahead_s)


async def keys_of(blobs: Blobs) -> set[str]:
    uploads = [blob.key async for blob in blobs.list("uploads")]
    return {*uploads, *[blob.key async for blob in blobs.list("results")]}


async def submit(store: JobStore, blobs: Blobs, job_id: str) -> None:
    await blobs.put(upload_key(job_id), b"upload")
    await store.create(make_job(job_id))


async def finish_second_attempt(store: JobStore, blobs: Blobs, job_id: str) -> None:
    """The first attempt leaves a result too, but comes too late with it."""
    first = await must_claim(store)
    await blobs.put(result_key(job_id, 1, 1), b"lost")
    await store.release(first, charge=True)
    second = await must_claim(store)
    await blobs.put(result_key(job_id, 1, 2), b"committed")
    assert await store.finish(second, result_key(job_id, 1, 2))


async def test_ended_job_keeps_its_committed_result_alone(store: JobStore, blobs: Blobs) -> None:
    await submit(store, blobs, "job-1")
    await finish_second_attempt(store, blobs, "job-1")
    await submit(store, blobs, "waiting")
    assert await make_sweeper(store, blobs).sweep_jobs() == 0
    assert await keys_of(blobs) == {result_key("job-1", 1, 2), upload_key("waiting")}
    assert await store.untidied(10) == []


async def test_job_whose_file_is_at_fault_leaves_no_blob(store: JobStore, blobs: Blobs) -> None:
    await submit(store, blobs, "job-1")
    await store.fail(await must_claim(store), FILES_FAULT, final=True)
    await make_sweeper(store, blobs).sweep_jobs()
    assert await keys_of(blobs) == set()
    assert (await store.get("job-1")).problem == FILES_FAULT


async def test_upload_of_a_failed_job_is_kept_for_a_retry_until_it_expires(
    redis: Redis, store: JobStore, blobs: Blobs
) -> None:
    await submit(store, blobs, "job-1")
    await store.fail(await must_claim(store), PROBLEM, final=True)
    await make_sweeper(store, blobs).sweep_jobs()
    assert await keys_of(blobs) == {upload_key("job-1")}
    assert await store.retry("job-1") == 1
    await make_sweeper(store, blobs).sweep_jobs()
    assert await keys_of(blobs) == {upload_key("job-1")}
    await store.fail(await must_claim(store), PROBLEM, final=True)
    await redis.zadd(keys.ENDED, {"job-1": 1})
    assert await make_sweeper(store, blobs).sweep_jobs() == 1
    assert await keys_of(blobs) == set()


async def test_cancelled_job_leaves_no_upload(store: JobStore, blobs: Blobs) -> None:
    await submit(store, blobs, "job-1")
    await store.cancel("job-1")
    await make_sweeper(store, blobs).sweep_jobs()
    assert await keys_of(blobs) == set()


async def test_expired_job_goes_with_all_its_blobs(
    redis: Redis, store: JobStore, blobs: Blobs
) -> None:
    brief = JobStore(redis, StoreLimits(result_ttl_s=0))
    await submit(store, blobs, "job-1")
    await finish_second_attempt(brief, blobs, "job-1")
    await submit(store, blobs, "waiting")
    assert await make_sweeper(store, blobs).sweep_jobs() == 1
    assert await keys_of(blobs) == {upload_key("waiting")}
    assert [job.id for job in (await store.list_jobs(limit=9)).jobs] == ["waiting"]


async def test_orphans_go_after_the_grace_period(store: JobStore, blobs: Blobs) -> None:
    await submit(store, blobs, "job-1")
    await finish_second_attempt(store, blobs, "job-1")
    await blobs.put(upload_key("nobody"), b"x")
    await blobs.put(result_key("nobody", 1, 1), b"x")
    everything = await keys_of(blobs)
    assert await make_sweeper(store, blobs).sweep_orphans() == 0
    assert await keys_of(blobs) == everything
    assert await make_sweeper(store, blobs, GRACE_S + 5).sweep_orphans() == 2
    assert everything - await keys_of(blobs) == {upload_key("nobody"), result_key("nobody", 1, 1)}


async def test_upload_in_progress_is_left_alone(
    store: JobStore, blobs: Blobs, tmp_path: Path
) -> None:
    staged = tmp_path / "blobs" / "uploads"
    async with await anyio.open_file(staged / "noted#1", "wb") as file:
        await file.write(b"x")
    async with await anyio.open_file(staged / "killed#1", "wb") as file:
        await file.write(b"x")
    await blobs.put(upload_key("whole"), b"x")
    for job_id in ("noted", "whole"):
        await store.admit(job_id)
    assert await make_sweeper(store, blobs).sweep_orphans() == 0
    assert await make_sweeper(store, blobs, GRACE_S + 5).sweep_orphans() == 1
    left = {path.name async for path in anyio.Path(staged).iterdir()}
    assert left == {"noted#1", "whole"}


async def test_body_that_a_killed_notifier_left_half_written_is_removed(
    store: JobStore, blobs: Blobs, tmp_path: Path
) -> None:
    staged = tmp_path / "blobs" / "webhooks"
    async with await anyio.open_file(staged / "msg_killed.1.json#1", "wb") as file:
        await file.write(b"x")
    assert await make_sweeper(store, blobs).sweep_orphans() == 0
    assert await make_sweeper(store, blobs, GRACE_S + 5).sweep_orphans() == 1
    assert [path async for path in anyio.Path(staged).iterdir()] == []


async def test_foreign_files_are_left_alone(store: JobStore, blobs: Blobs) -> None:
    await blobs.put("uploads/not an id", b"x")
    assert await make_sweeper(store, blobs, GRACE_S + 5).sweep_orphans() == 0


async def test_sweeper_survives_an_outage(tmp_path: Path, blobs: Blobs) -> None:
    async def until(condition: AsyncIterator[bool]) -> None:
        with anyio.fail_after(10):
            async for is_met in condition:
                if is_met:
                    return
                await anyio.sleep(0.02)

    async def uploads_gone() -> AsyncIterator[bool]:
        while True:
            yield not await keys_of(blobs)

    async with EmbeddedServer(tmp_path / "data") as server, connect(server.url) as redis:
        store = JobStore(redis, StoreLimits())
        async with anyio.create_task_group() as group:
            await server.stop()
            group.start_soon(make_sweeper(store, blobs).run)
            await anyio.sleep(0.1)
            await server.start()
            await submit(store, blobs, "job-1")
            await store.fail(await must_claim(store), FILES_FAULT, final=True)
            await until(uploads_gone())
            group.cancel_scope.cancel()


@given(
    age_s=st.floats(0, 1000),
    has_job=st.booleans(),
    is_uploading=st.booleans(),
    now=st.floats(0, 9e9),
)
def test_only_old_blobs_of_nobody_are_orphans(
    age_s: float, now: float, *, has_job: bool, is_uploading: bool
) -> None:
    blob = BlobInfo("uploads/a", 1, now - age_s)
    found = is_orphan(blob, has_job=has_job, is_uploading=is_uploading, now=now, grace_s=GRACE_S)
    if has_job or is_uploading or now - blob.modified_at <= GRACE_S:
        assert not found
    else:
        assert found


def test_committed_result_is_never_lost() -> None:
    pages = [
        PageRecord(1, PageStatus.DONE, "m", attempt=3, result_key=result_key("j", 1, 2)),
        PageRecord(2, PageStatus.FAILED, "m", attempt=1),
        PageRecord(3, PageStatus.READY, "m"),
    ]
    assert lost_results("j", pages) == [
        result_key("j", 1, 1),
        result_key("j", 1, 3),
        result_key("j", 2, 1),
    ]

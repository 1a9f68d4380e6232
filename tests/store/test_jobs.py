"""Jobs are created once, listed completely, removed whole."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import anyio
import pytest
from redis.asyncio import Redis

from ocr_api.errors import InvalidOptionError, StoreSchemaError, UnknownJobError
from ocr_api.jobs import JobOptions, JobStatus, PageStatus
from ocr_api.store import JobStore, keys
from tests.store.samples import PROBLEM, make_job, must_claim

pytestmark = pytest.mark.anyio


async def test_job_comes_back_as_it_was_given(store: JobStore) -> None:
    options = JobOptions(languages=("ar", "en"), dpi=300, metadata={"é": [1, {"b": None}]})
    given = replace(
        make_job(), filename="a\n'b.png", owner="key", options=options, warnings=("w",),
        model_is_default=True,
    )  # fmt: skip
    created = await store.create(given)
    assert created == await store.get("job-1")
    assert abs(created.created_at - await store.server_time()) < 5
    assert replace(created, created_at=0.0, updated_at=0.0) == given


async def test_create_repeated_changes_nothing(store: JobStore) -> None:
    first = await store.create(make_job())
    claim = await must_claim(store)
    again = await store.create(make_job(model="other"))
    assert again.model == first.model
    assert again.status is JobStatus.PROCESSING
    assert await store.queue_lengths() == {"auto": 0}
    assert await store.finish(claim, "results/x")


async def test_unknown_job_is_told(store: JobStore) -> None:
    with pytest.raises(UnknownJobError):
        await store.get("../job-1")
    assert await store.page("nobody", 1) is None
    assert await store.pages(make_job("nobody")) == []
    assert not await store.remove("nobody")


async def test_new_job_has_no_pages_but_the_task_of_opening(store: JobStore) -> None:
    job = await store.create(make_job())
    assert (await store.pages(job), job.pages, job.pages_total) == ([], None, None)
    opening = await store.page("job-1", 0)
    assert opening is not None
    assert (opening.number, opening.status, opening.attempt) == (0, PageStatus.READY, 0)


async def test_list_is_newest_first_and_cursor_goes_on(store: JobStore) -> None:
    for number in range(5):
        await store.create(make_job(f"job-{number}"))
    first = await store.list_jobs(limit=2)
    second = await store.list_jobs(limit=2, cursor=first.next_cursor)
    third = await store.list_jobs(limit=2, cursor=second.next_cursor)
    found = [job.id for part in (first, second, third) for job in part.jobs]
    assert found == ["job-4", "job-3", "job-2", "job-1", "job-0"]
    assert third.next_cursor is None


async def test_full_last_stretch_of_the_list_has_no_cursor(store: JobStore) -> None:
    for number in range(2):
        await store.create(make_job(f"job-{number}"))
    assert (await store.list_jobs(limit=2)).next_cursor is None
    assert (await store.list_jobs(limit=5)).next_cursor is None


async def test_list_filters_over_more_jobs_than_one_call_looks_at(store: JobStore) -> None:
    await store.create(make_job("oldest", "qari"))
    await store.fail(await must_claim(store, "qari"), PROBLEM, final=True)
    for number in range(450):
        await store.create(make_job(f"job-{number}"))
    failed = await store.list_jobs(limit=3, status=JobStatus.FAILED)
    assert [job.id for job in failed.jobs] == ["oldest"]
    by_model = await store.list_jobs(limit=1, model="qari")
    assert [job.id for job in by_model.jobs] == ["oldest"]
    assert not (await store.list_jobs(limit=3, status=JobStatus.FAILED, model="auto")).jobs


async def test_cursor_shows_every_job_once_while_others_are_created(store: JobStore) -> None:
    before = [f"old-{number}" for number in range(60)]
    for job_id in before:
        await store.create(make_job(job_id))
    seen: list[str] = []

    async def create_more() -> None:
        for number in range(60):
            await store.create(make_job(f"new-{number}"))

    async with anyio.create_task_group() as group:
        group.start_soon(create_more)
        part = await store.list_jobs(limit=7)
        seen += [job.id for job in part.jobs]
        while part.next_cursor is not None:
            part = await store.list_jobs(limit=7, cursor=part.next_cursor)
            seen += [job.id for job in part.jobs]
    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen)


async def test_order_holds_when_the_servers_clock_is_set_back(
    store: JobStore, redis: Redis
) -> None:
    await store.create(make_job("first"))
    ahead = int((await store.server_time() + 3600) * 1e6)
    await redis.set(keys.SEQUENCE, ahead)
    await redis.zadd(keys.JOBS, {"first": ahead})
    for job_id in ("second", "third"):
        await store.create(make_job(job_id))
    assert [job.id for job in (await store.list_jobs(limit=9)).jobs] == ["third", "second", "first"]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1 2", "9" * 30, "²"])
async def test_cursor_that_was_never_given_is_refused(store: JobStore, cursor: str) -> None:
    with pytest.raises(InvalidOptionError):
        await store.list_jobs(limit=1, cursor=cursor)


async def test_expired_job_is_found_and_removed_without_a_trace(
    hasty: JobStore, redis: Redis
) -> None:
    await hasty.check_schema()
    await hasty.create(make_job("alive"))
    claim = await must_claim(hasty)
    await hasty.release(claim, charge=True)
    kept = set(await redis.keys("*"))
    await hasty.create(make_job("ended", "qari"))
    await hasty.finish(await must_claim(hasty, "qari"), "results/x")
    assert [job.id for job in await hasty.expired(10)] == ["ended"]
    assert not await hasty.remove("alive")
    assert await hasty.remove("ended")
    assert await hasty.expired(10) == []
    assert [job.id for job in (await hasty.list_jobs(limit=9)).jobs] == ["alive"]
    assert set(await redis.keys("*")) == kept


async def test_ended_job_is_kept_until_its_time(store: JobStore) -> None:
    await store.create(make_job())
    await store.finish(await must_claim(store), "results/x")
    assert await store.expired(10) == []


async def test_newer_layout_is_refused(store: JobStore, redis: Redis) -> None:
    await store.check_schema()
    await store.check_schema()
    assert await redis.get(keys.SCHEMA) == str(keys.SCHEMA_VERSION).encode()
    await redis.set(keys.SCHEMA, keys.SCHEMA_VERSION + 1)
    with pytest.raises(StoreSchemaError):
        await store.check_schema()


async def test_every_key_carries_the_hash_tag(store: JobStore, redis: Redis) -> None:
    await store.check_schema()
    await store.admit("other")
    await store.create(make_job())
    await store.fail(await must_claim(store), PROBLEM, final=False)
    await store.switch_model("a", "b")
    found = await redis.keys("*")
    assert len(found) > 5
    assert all(cast("bytes", key).startswith(b"{ocr}:") for key in found)
    assert all(name.startswith("{ocr}:") for name in keys.lua_names().values())


async def test_creating_the_job_ends_the_note_of_its_upload(store: JobStore) -> None:
    await store.admit("job-1")
    await store.admit("job-2")
    await store.create(make_job())
    assert await store.uploading(["job-1", "job-2", "job-3"]) == {"job-2"}

"""Data of a newer layout is refused, of an older one brought up, while both releases run."""

from __future__ import annotations

import anyio
import pytest
from redis.asyncio import Redis

from ocr_api.errors import StoreSchemaError, StoreUnavailableError
from ocr_api.store import JobStore, LayoutWatch, StoreLimits, keys, wait_for_store
from ocr_api.store.layout import CURRENT, Layout
from tests.store.samples import make_job, must_claim

pytestmark = pytest.mark.anyio

MARK_JOBS = """
for _, id in ipairs(redis.call('ZRANGE', KEY.jobs, 0, -1)) do
  redis.call('HINCRBY', job_key(id), 'marked', 1)
end
"""
NEXT = Layout(CURRENT.version + 1, {**CURRENT.steps, CURRENT.version: MARK_JOBS})


@pytest.fixture
async def newer(redis: Redis) -> JobStore:
    """The store as a release of the next layout sees it."""
    return JobStore(redis, StoreLimits(), NEXT)


def test_there_is_a_step_from_each_older_layout() -> None:
    assert set(CURRENT.steps) == set(range(1, CURRENT.version))


async def test_newer_release_brings_older_data_up_once(
    redis: Redis, store: JobStore, newer: JobStore
) -> None:
    await wait_for_store(store)
    await store.create(make_job())
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(newer.check_schema)
    assert await redis.get(keys.SCHEMA) == str(NEXT.version).encode()
    assert await redis.hget(keys.job_key("job-1"), "marked") == b"1"
    assert (await must_claim(newer)).job.id == "job-1"


async def test_several_layouts_are_passed_through(redis: Redis, store: JobStore) -> None:
    await store.check_schema()
    await store.create(make_job())
    much_newer = Layout(NEXT.version + 1, {**NEXT.steps, NEXT.version: MARK_JOBS})
    await JobStore(redis, StoreLimits(), much_newer).check_schema()
    assert await redis.hget(keys.job_key("job-1"), "marked") == b"2"


async def test_step_that_fails_leaves_the_data_to_the_older_release(
    redis: Redis, store: JobStore
) -> None:
    await store.check_schema()
    broken = Layout(NEXT.version, {CURRENT.version: "redis.call('NONSENSE')"})
    with pytest.raises(Exception, match="not foreseen"):
        await JobStore(redis, StoreLimits(), broken).check_schema()
    assert await redis.get(keys.SCHEMA) == str(CURRENT.version).encode()
    await store.create(make_job())


async def test_older_release_changes_nothing_on_newer_data(
    redis: Redis, store: JobStore, newer: JobStore
) -> None:
    await store.check_schema()
    await store.create(make_job())
    held = await must_claim(store, pages_total=2)
    await newer.check_schema()
    before = await redis.hgetall(keys.page_key("job-1", 1))
    for call in (
        store.claim("worker", ["auto"]),
        store.renew("worker", [held]),
        store.finish(held, "results/late"),
        store.release(held, charge=True),
        store.create(make_job("job-2")),
        store.cancel("job-1"),
        store.reclaim_expired(),
        store.claim_delivery("notifier", 1),
    ):
        with pytest.raises(StoreSchemaError, match="layout 2; this version knows up to 1"):
            await call
    assert await redis.hgetall(keys.page_key("job-1", 1)) == before
    assert not await redis.exists(keys.job_key("job-2"))


async def test_newer_release_does_nothing_before_the_data_is_brought_up(
    store: JobStore, newer: JobStore
) -> None:
    await store.check_schema()
    with pytest.raises(StoreUnavailableError, match="is being brought to layout 2"):
        await newer.claim("worker", ["auto"])


async def test_work_ends_once_a_newer_release_takes_the_data_over(
    store: JobStore, newer: JobStore
) -> None:
    await store.check_schema()
    watch = LayoutWatch(store)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(watch.cancel_when_newer, group.cancel_scope)
            watch.check()
            await newer.check_schema()
            await anyio.sleep_forever()
    with pytest.raises(StoreSchemaError):
        watch.check()

"""Documents of many pages in the queue: opened once, their pages claimed by many."""

from __future__ import annotations

from typing import cast

import pytest
from redis.asyncio import Redis

from ocr_api.jobs import Claim, JobStatus, PageRanges, PageStatus
from ocr_api.store import Blobs, FailOutcome, JobStore, StoreLimits, Sweeper, keys, result_key
from ocr_api.store.scripts import Script, Scripts
from tests.store.samples import PROBLEM, make_job, must_claim, must_open

pytestmark = pytest.mark.anyio

MOST_US_A_CALL = 50_000
"""Mean time of a script call on a noisy machine; all 10,000 pages in one call take longer."""


async def claim_opening(store: JobStore, worker: str = "worker") -> Claim:
    claim = await store.claim(worker, ["auto"])
    assert claim is not None
    assert claim.is_opening
    return claim


async def finish(store: JobStore, claim: Claim) -> None:
    key = result_key(claim.job.id, claim.page_number, claim.attempt)
    assert await store.finish(claim, key, ["Faint."])


async def test_opener_goes_on_with_the_first_page_and_others_take_the_rest(store: JobStore) -> None:
    await store.create(make_job())
    first = await must_open(store, await claim_opening(store), pages_total=3)
    assert (first.page_number, first.attempt, first.charged, first.worker_id) == (1, 1, 1, "worker")
    assert (first.job.pages_total, first.job.attempts) == (3, 1)
    others = [await must_claim(store, worker="other") for _ in range(2)]
    assert [claim.page_number for claim in others] == [2, 3]
    assert await store.claim("other", ["auto"]) is None
    for claim in (others[1], first):
        await finish(store, claim)
        assert (await store.get("job-1")).status is JobStatus.PROCESSING
    await finish(store, others[0])
    job = await store.get("job-1")
    assert (job.status, job.pages_done, job.attempts) == (JobStatus.COMPLETED, 3, 3)


async def test_chosen_pages_alone_become_tasks(store: JobStore) -> None:
    await store.create(make_job())
    pages = PageRanges.parse("2,11-13")
    first = await store.open(
        await claim_opening(store), pages_total=20, pages=pages, warnings=["Old."]
    )
    assert first is not None
    claimed = [first, *[await must_claim(store) for _ in range(3)]]
    assert [claim.page_number for claim in claimed] == [2, 11, 12, 13]
    assert await store.claim("worker", ["auto"]) is None
    job = await store.get("job-1")
    assert (job.pages, job.pages_total, job.warnings) == (pages, 20, ("Old.",))
    assert [page.number for page in await store.pages(job)] == [2, 11, 12, 13]


async def test_job_without_some_of_its_pages_is_completed(store: JobStore) -> None:
    await store.create(make_job())
    first = await must_open(store, await claim_opening(store), pages_total=2)
    assert await store.fail(first, PROBLEM, final=True) is FailOutcome.FAILED
    assert (await store.get("job-1")).status is JobStatus.PROCESSING
    await finish(store, await must_claim(store))
    job = await store.get("job-1")
    assert (job.status, job.pages_done, job.pages_failed) == (JobStatus.COMPLETED, 1, 1)


async def test_opening_has_attempts_like_a_page(store: JobStore, hasty: JobStore) -> None:
    await store.create(make_job())
    for _ in range(3):
        await claim_opening(hasty)
        assert await hasty.reclaim_expired() == 1
    assert await store.claim("worker", ["auto"]) is None
    job = await store.get("job-1")
    assert (job.status, job.attempts, job.pages_failed) == (JobStatus.FAILED, 3, 0)
    assert job.problem is not None
    assert (job.problem.code, job.problem.page) == ("attempts_exhausted", None)


async def test_stale_opener_changes_nothing(store: JobStore, hasty: JobStore, redis: Redis) -> None:
    await store.create(make_job())
    stale = await claim_opening(hasty)
    await hasty.reclaim_expired()
    await claim_opening(store, "other")
    before = {key: await redis.dump(key) for key in await redis.keys("*")}
    pages = PageRanges.parse("1-9")
    assert await store.open(stale, pages_total=9, pages=pages, warnings=["x"]) is None
    assert {key: await redis.dump(key) for key in await redis.keys("*")} == before


async def test_opening_whose_answer_was_lost_can_be_repeated(store: JobStore) -> None:
    await store.create(make_job())
    opening = await claim_opening(store)
    first = await must_open(store, opening, pages_total=3)
    assert await must_open(store, opening, pages_total=3) == first
    await finish(store, first)
    assert await store.open(opening, pages_total=3, pages=PageRanges.parse("1-3")) is None


async def test_opening_that_stopped_in_the_middle_is_taken_up_again(redis: Redis) -> None:
    limits = StoreLimits(lease_s=0, pages_at_once=4)
    store = JobStore(redis, limits)
    await store.create(make_job())
    opening = await claim_opening(store)
    argv = ("job-1", opening.attempt, "worker", 10, "1-10", 10, "[]")
    assert await Scripts(redis, limits).call(Script.OPEN, *argv) == 1
    assert [(await must_claim(store, worker="other")).page_number for _ in range(4)] == [1, 2, 3, 4]
    await store.reclaim_expired()
    again = await claim_opening(store, "third")
    first = await store.open(again, pages_total=10, pages=PageRanges.parse("1-10"))
    assert first is None  # page 1 had its first attempt already
    assert [page.number for page in await store.pages(await store.get("job-1"))] == [*range(1, 11)]
    assert await store.queue_lengths() == {"auto": 10}


async def test_ten_thousand_pages_are_made_in_short_calls(store: JobStore, redis: Redis) -> None:
    await store.create(make_job())
    opening = await claim_opening(store)
    await redis.config_resetstat()
    first = await must_open(store, opening, pages_total=10_000)
    calls = (await redis.info("commandstats"))["cmdstat_evalsha"]
    assert calls["calls"] >= 20
    assert calls["usec_per_call"] < MOST_US_A_CALL
    assert await store.queue_lengths() == {"auto": 9_999}
    assert await store.fail(first, PROBLEM, final=True) is FailOutcome.FAILED
    numbers = [page.number async for page in store.each_page(await store.get("job-1"))]
    assert numbers == list(range(1, 10_001))
    assert [(await must_claim(store)).page_number for _ in range(11)] == list(range(2, 13))


async def test_removing_thousands_of_pages_leaves_no_key(redis: Redis) -> None:
    store = JobStore(redis, StoreLimits(result_ttl_s=0, pages_at_once=50))
    await store.create(make_job())
    claim: Claim | None = await must_open(store, await claim_opening(store), pages_total=120)
    while claim is not None:
        await finish(store, claim)
        claim = await store.claim("worker", ["auto"])
    assert await store.remove("job-1")
    left = {str(key, "utf-8") for key in cast("list[bytes]", await redis.keys("*"))}
    assert left <= {keys.SEQUENCE, keys.LANES, keys.SCHEMA, keys.FAIR}


@pytest.mark.parametrize("ending", ["read", "failed", "opening failed"])
async def test_password_is_gone_with_the_end_of_the_job(
    store: JobStore, redis: Redis, ending: str
) -> None:
    job = await store.create(make_job(), "open sesame")
    assert job.has_password
    assert "sesame" not in repr(job)
    opening = await claim_opening(store)
    assert await store.password(opening.job) == "open sesame"
    if ending == "opening failed":
        await store.fail(opening, PROBLEM, final=True)
    else:
        page = await must_open(store, opening)
        assert await store.password(page.job) == "open sesame"
        await (finish(store, page) if ending == "read" else store.fail(page, PROBLEM, final=True))
    assert await store.password(job) is None
    for key in await redis.keys("*"):
        assert b"sesame" not in (await redis.dump(key) or b"")


async def test_job_without_a_password_has_none(store: JobStore) -> None:
    job = await store.create(make_job())
    assert not job.has_password
    assert await store.password(job) is None


async def test_sweeper_removes_the_results_of_every_page(redis: Redis, blobs: Blobs) -> None:
    store = JobStore(redis, StoreLimits(result_ttl_s=0))
    job = await store.create(make_job())
    await blobs.put(job.upload_key, b"upload")
    claim: Claim | None = await must_open(store, await claim_opening(store), pages_total=5)
    while claim is not None:
        await store.release(claim, charge=False)
        await blobs.put(result_key(job.id, claim.page_number, claim.attempt), b"lost")
        claim = await must_claim(store)
        await blobs.put(result_key(job.id, claim.page_number, claim.attempt), b"result")
        await finish(store, claim)
        claim = await store.claim("worker", ["auto"])
    assert len([blob async for blob in blobs.list("results")]) == 10
    assert await Sweeper(store, blobs).sweep_jobs() == 1
    for folder in ("results", "uploads"):
        assert [blob async for blob in blobs.list(folder)] == []


async def test_page_records_tell_each_page(store: JobStore) -> None:
    await store.create(make_job())
    first = await must_open(store, await claim_opening(store), pages_total=3)
    await finish(store, first)
    records = await store.pages(await store.get("job-1"))
    assert [(page.number, page.status) for page in records] == [
        (1, PageStatus.DONE),
        (2, PageStatus.READY),
        (3, PageStatus.READY),
    ]

"""Pages are claimed under leases; stale workers change nothing."""

from __future__ import annotations

import anyio
import pytest
from redis.asyncio import Redis

from ocr_api.jobs import JobStatus, PageStatus
from ocr_api.store import FailOutcome, JobStore, StoreLimits, keys
from tests.store.samples import PROBLEM, make_job, must_claim, must_open

pytestmark = pytest.mark.anyio


async def snapshot(redis: Redis) -> dict[object, object]:
    """Everything the server holds."""
    return {key: await redis.dump(key) for key in await redis.keys("*")}


async def test_claim_gives_oldest_page_over_all_lanes(store: JobStore) -> None:
    for job_id, lane in (("first", "b"), ("second", "a"), ("third", "b")):
        await store.create(make_job(job_id, lane))
    order = [(await must_claim(store, "a", "b")).job.id for _ in range(3)]
    assert order == ["first", "second", "third"]
    assert await store.claim("worker", ["a", "b"]) is None


async def test_claim_leaves_lanes_of_other_models_alone(store: JobStore) -> None:
    await store.create(make_job(model="qari"))
    assert await store.claim("worker", ["tesseract", "auto"]) is None
    assert await store.claim("worker", []) is None
    assert await store.queue_lengths() == {"qari": 1}


async def test_claim_counts_as_attempt_and_starts_the_job(store: JobStore) -> None:
    await store.create(make_job())
    claim = await must_claim(store)
    assert (claim.attempt, claim.charged, claim.model, claim.page_number) == (1, 1, "auto", 1)
    job = await store.get("job-1")
    assert job == claim.job
    assert (job.status, job.attempts) == (JobStatus.PROCESSING, 1)
    assert job.started_at is not None
    assert job.created_at <= job.started_at <= await store.server_time()


async def test_each_page_is_claimed_once_by_many_workers(store: JobStore) -> None:
    for number in range(40):
        await store.create(make_job(f"job-{number}"))
    claimed: list[str] = []

    async def work(worker: str) -> None:
        while claim := await store.claim(worker, ["auto"]):
            claimed.append(claim.job.id)

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(work, f"worker-{number}")
    assert sorted(claimed) == sorted(f"job-{number}" for number in range(40))


async def test_finish_commits_once_and_repeats_harmlessly(store: JobStore) -> None:
    await store.create(make_job())
    claim = await must_claim(store)
    assert await store.finish(claim, "results/job-1.1.1.json", ["cut off"])
    assert await store.finish(claim, "results/job-1.1.1.json", ["cut off"])
    job = await store.get("job-1")
    assert (job.status, job.pages_done, job.pages_total) == (JobStatus.COMPLETED, 1, 1)
    assert job.warnings == ("cut off",)
    assert job.finished_at is not None
    assert job.expires_at == pytest.approx(job.finished_at + StoreLimits().result_ttl_s)
    page = await store.page("job-1", 1)
    assert page is not None
    assert (page.status, page.result_key) == (PageStatus.DONE, "results/job-1.1.1.json")


async def test_finish_by_the_same_claim_with_another_result_is_refused(store: JobStore) -> None:
    await store.create(make_job())
    claim = await must_claim(store)
    assert await store.finish(claim, "results/job-1.1.1.json")
    assert not await store.finish(claim, "results/other")


@pytest.mark.parametrize("state", ["claimed by another", "done by another", "ready", "removed"])
async def test_stale_worker_changes_nothing(
    store: JobStore, hasty: JobStore, redis: Redis, state: str
) -> None:
    await store.create(make_job())
    stale = await must_claim(hasty)
    assert await hasty.reclaim_expired() == 1
    if state != "ready":
        fresh = await must_claim(store, worker="other")
        if state != "claimed by another":
            assert await hasty.finish(fresh, "results/fresh")
        if state == "removed":
            assert await store.remove("job-1")
    before = await snapshot(redis)
    assert await store.renew("worker", [stale]) == set()
    assert not await store.route(stale, model="x", keep=True)
    assert not await store.route(stale, model="x", keep=False)
    assert not await store.finish(stale, "results/stale", ["late"])
    assert await store.fail(stale, PROBLEM, final=True) is FailOutcome.STALE
    assert await store.fail(stale, PROBLEM, final=False) is FailOutcome.STALE
    assert not await store.release(stale, charge=True)
    assert not await store.release(stale, charge=False)
    assert await snapshot(redis) == before


@pytest.mark.parametrize("status", ["cancelled", "failed"])
async def test_worker_on_a_job_that_has_ended_changes_nothing(
    store: JobStore, hasty: JobStore, redis: Redis, status: str
) -> None:
    await store.create(make_job())
    claim = await must_claim(hasty)
    await redis.hset(keys.job_key("job-1"), "status", status)
    before = await snapshot(redis)
    assert await store.renew("worker", [claim]) == set()
    assert not await store.finish(claim, "results/x", ["late"])
    assert await store.fail(claim, PROBLEM, final=False) is FailOutcome.STALE
    assert not await store.release(claim, charge=False)
    assert await snapshot(redis) == before
    assert await store.reclaim_expired() == 0
    assert await store.claim("worker", ["auto"]) is None


async def test_ready_page_of_a_job_that_has_ended_is_passed_over(
    store: JobStore, redis: Redis
) -> None:
    for job_id in ("ended", "alive"):
        await store.create(make_job(job_id))
    await redis.hset(keys.job_key("ended"), "status", "cancelled")
    assert (await must_claim(store)).job.id == "alive"
    assert await store.queue_lengths() == {"auto": 0}


async def test_expired_lease_returns_page_to_queue_with_its_charge(
    store: JobStore, hasty: JobStore
) -> None:
    await store.create(make_job())
    await must_claim(hasty)
    assert await store.claim("other", ["auto"]) is None
    assert await store.reclaim_expired() == 1
    again = await must_claim(store)
    assert (again.attempt, again.charged) == (2, 2)


async def test_live_lease_is_not_reclaimed(store: JobStore) -> None:
    await store.create(make_job())
    await must_claim(store)
    assert await store.reclaim_expired() == 0


async def test_reclaim_walks_to_the_end(store: JobStore, hasty: JobStore) -> None:
    for number in range(230):
        await store.create(make_job(f"job-{number}"))
        await must_claim(hasty)
    assert await store.reclaim_expired() == 230
    assert await store.queue_lengths() == {"auto": 230}


async def test_renewed_lease_outlives_its_first_end(store: JobStore, hasty: JobStore) -> None:
    await store.create(make_job())
    claim = await must_claim(hasty)
    assert await store.renew("worker", [claim]) == {claim.name}
    assert await store.reclaim_expired() == 0


async def test_worker_renews_only_what_it_owns(store: JobStore, hasty: JobStore) -> None:
    for job_id in ("kept", "lost"):
        await store.create(make_job(job_id))
    kept = await must_claim(store)
    lost = await must_claim(hasty)
    await store.reclaim_expired()
    taken = await must_claim(store, worker="thief")
    assert await store.renew("worker", [kept, lost, taken]) == {kept.name}


async def test_page_whose_workers_vanish_fails_with_attempts_exhausted(
    store: JobStore, hasty: JobStore
) -> None:
    await store.create(make_job())
    for _ in range(3):
        await must_claim(hasty)
        assert await store.reclaim_expired() == 1
    assert await store.claim("worker", ["auto"]) is None
    job = await store.get("job-1")
    assert (job.status, job.pages_failed) == (JobStatus.FAILED, 1)
    assert job.problem is not None
    assert (job.problem.code, job.problem.page) == ("attempts_exhausted", 1)
    assert job.problem.facts == {"attempts": 3}
    assert job.problem.retryable


async def test_claim_gives_exhausted_page_up_and_takes_the_next(
    store: JobStore, redis: Redis
) -> None:
    await store.create(make_job("worn"))
    await store.create(make_job("next"))
    claim = await must_claim(store)
    await store.release(claim, charge=True)
    strict = JobStore(redis, StoreLimits(max_attempts=1))
    assert (await must_claim(strict)).job.id == "next"
    job = await store.get("worn")
    assert job.problem is not None
    assert job.problem.code == "attempts_exhausted"


async def test_retryable_failure_waits_then_is_tried_again(redis: Redis) -> None:
    store = JobStore(redis, StoreLimits(max_attempts=3, retry_backoff_s=(0.15,)))
    await store.create(make_job())
    claim = await must_claim(store)
    assert await store.fail(claim, PROBLEM, final=False) is FailOutcome.RETRY
    await store.reclaim_expired()
    assert await store.claim("worker", ["auto"]) is None
    page = await store.page("job-1", 1)
    assert page is not None
    assert page.problem == PROBLEM
    await anyio.sleep(0.2)
    await store.reclaim_expired()
    again = await must_claim(store)
    assert await store.finish(again, "results/x")
    job = await store.get("job-1")
    assert (job.status, job.problem, job.attempts) == (JobStatus.COMPLETED, None, 2)


async def test_failure_of_the_last_attempt_fails_the_job_with_its_problem(store: JobStore) -> None:
    await store.create(make_job())
    outcomes = []
    for _ in range(3):
        outcomes.append(await store.fail(await must_claim(store), PROBLEM, final=False))
        await store.reclaim_expired()
    assert outcomes == [FailOutcome.RETRY, FailOutcome.RETRY, FailOutcome.FAILED]
    assert (await store.get("job-1")).problem == PROBLEM


async def test_final_failure_is_not_tried_again(store: JobStore) -> None:
    await store.create(make_job())
    assert await store.fail(await must_claim(store), PROBLEM, final=True) is FailOutcome.FAILED
    await store.reclaim_expired()
    assert await store.claim("worker", ["auto"]) is None
    assert (await store.get("job-1")).status is JobStatus.FAILED


async def test_uncharged_release_gives_the_charge_back_but_not_the_fence(store: JobStore) -> None:
    await store.create(make_job())
    for _ in range(5):
        assert await store.release(await must_claim(store), charge=False)
    claim = await must_claim(store)
    assert (claim.attempt, claim.charged, claim.job.attempts) == (6, 1, 1)


async def test_released_page_keeps_its_place_in_the_queue(store: JobStore) -> None:
    for job_id in ("first", "second"):
        await store.create(make_job(job_id))
    await store.release(await must_claim(store), charge=True)
    assert (await must_claim(store)).job.id == "first"


async def test_route_with_keep_goes_on_under_the_same_claim(store: JobStore) -> None:
    await store.create(make_job())
    claim = await must_claim(store)
    assert await store.route(claim, model="tesseract", keep=True)
    page, job = await store.page("job-1", 1), await store.get("job-1")
    assert page is not None
    assert (page.model, page.status) == ("tesseract", PageStatus.CLAIMED)
    assert job.model == "auto"
    assert await store.finish(claim, "results/x")


async def test_route_without_keep_moves_page_to_its_models_lane_uncharged(store: JobStore) -> None:
    await store.create(make_job())
    claim = await must_claim(store)
    assert await store.route(claim, model="qari", keep=False)
    assert not await store.finish(claim, "results/x")
    assert await store.claim("worker", ["auto"]) is None
    moved = await must_claim(store, "qari")
    assert (moved.model, moved.attempt, moved.charged) == ("qari", 2, 1)


async def test_why_a_model_was_chosen_goes_with_the_page_until_it_is_routed_anew(
    store: JobStore,
) -> None:
    await store.create(make_job())
    claim = await must_claim(store)
    assert claim.route_reason == ""
    assert await store.route(claim, model="qari", keep=False, reason="Arabic script: عربي")
    moved = await must_claim(store, "qari")
    assert moved.route_reason == "Arabic script: عربي"
    assert await store.release(moved, charge=False)
    again = await must_claim(store, "qari")
    assert again.route_reason == moved.route_reason
    assert await store.route(again, model="auto", keep=False)
    assert (await must_claim(store)).route_reason == ""


async def test_only_pages_that_auto_brought_into_a_lane_are_routed_anew(redis: Redis) -> None:
    store = JobStore(redis, StoreLimits(pages_at_once=2))
    for number in range(5):
        await store.create(make_job(f"routed-{number}"))
        claim = await must_claim(store)
        assert await store.route(claim, model="qari", keep=False, reason="Arabic script")
        await store.create(make_job(f"named-{number}", "qari"))
    await store.unroute("qari")
    assert await store.queue_lengths() == {"auto": 5, "qari": 5}
    names = {(await must_claim(store)).job.id for _ in range(5)}
    assert names == {f"routed-{number}" for number in range(5)}
    await store.unroute("nosuch")


async def test_one_call_claims_several_pages_and_no_more_than_asked(store: JobStore) -> None:
    for number in range(5):
        await store.create(make_job(f"job-{number}"))
    first = await store.claim_some("worker", ["auto"], 3)
    rest = await store.claim_some("worker", ["auto"], 3)
    assert [claim.job.id for claim in (*first, *rest)] == [f"job-{n}" for n in range(5)]
    assert {claim.attempt for claim in first} == {1}
    assert await store.claim_some("worker", ["auto"], 3) == []


async def test_pages_of_two_jobs_claimed_at_once_take_turns(store: JobStore) -> None:
    for job_id in ("a", "b"):
        await store.create(make_job(job_id))
    for claim in await store.claim_some("worker", ["auto"], 2):
        await store.release(await must_open(store, claim, 3), charge=False)
    claims = await store.claim_some("worker", ["auto"], 4)
    assert [claim.job.id for claim in claims] == ["a", "b", "a", "b"]

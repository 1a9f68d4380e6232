"""Jobs are admitted, cancelled, retried and told about."""

from __future__ import annotations

import json
from dataclasses import replace

import anyio
import pytest
from redis.asyncio import Redis

from ocr_api.errors import IdempotencyKeyInUseError, QueueFullError
from ocr_api.jobs import Claim, JobOptions, JobStatus, PageRanges, Priority, RetryRefusal
from ocr_api.store import (
    Blobs,
    CancelOutcome,
    FailOutcome,
    FirstAnswer,
    IdempotencyKey,
    JobStore,
    StoreLimits,
    Sweeper,
    keys,
)
from ocr_api.store.scripts import Script, Scripts
from tests.store.samples import FILES_FAULT, PROBLEM, make_job, must_claim

pytestmark = pytest.mark.anyio
KEY = IdempotencyKey.of("order-7")


async def kinds(store: JobStore, job_id: str) -> list[str]:
    """What listeners are told, in short."""
    told = [json.loads(event) for event in await store.events(job_id)]
    return [
        f"{fact['event']} {fact.get('page_number', '')}{fact.get('page_status', fact['status'])}"
        for fact in told
    ]


async def test_cancelled_job_is_nobodys_work_any_more(store: JobStore, redis: Redis) -> None:
    await store.create(make_job())
    held = await must_claim(store, pages_total=4)
    delayed = await must_claim(store)
    assert await store.fail(delayed, PROBLEM, final=False) is FailOutcome.RETRY
    assert await store.cancel("job-1") is CancelOutcome.CANCELLED
    job = await store.get("job-1")
    assert (job.status, job.problem) == (JobStatus.CANCELLED, None)
    assert job.expires_at is not None
    assert await store.renew("worker", [held]) == set()
    assert not await store.finish(held, "results/late")
    assert await store.reclaim_expired() == 0
    assert await store.claim("worker", ["auto"]) is None
    for places in (keys.LEASES, keys.DELAYED, keys.READY + "auto"):
        assert await redis.zcard(places) == 0
    assert await store.cancel("job-1") is CancelOutcome.ENDED
    assert await store.cancel("nonsense") is CancelOutcome.UNKNOWN


async def test_removed_job_leaves_no_key(store: JobStore, redis: Redis) -> None:
    await store.create(make_job(), key=KEY, fingerprint="payload")
    await must_claim(store, pages_total=3)
    await store.cancel("job-1")
    assert await store.remove("job-1")
    left = set(await redis.keys("*"))
    assert left == {keys.SEQUENCE.encode(), keys.FAIR.encode(), keys.LANES.encode()}


async def test_failed_job_is_retried_with_all_its_attempts(store: JobStore) -> None:
    await store.create(make_job())
    await store.fail(await must_claim(store), PROBLEM, final=True)
    assert (await store.get("job-1")).can_be_retried
    assert await store.retry("job-1") == 1
    job = await store.get("job-1")
    assert (job.status, job.pages_failed, job.problem) == (JobStatus.PENDING, 0, None)
    assert (job.finished_at, job.expires_at) == (None, None)
    assert await store.expired(10) == []
    claim = await must_claim(store)
    assert (claim.attempt, claim.charged) == (2, 1)
    assert await store.finish(claim, "results/a")
    assert (await store.get("job-1")).status is JobStatus.COMPLETED


async def test_only_failed_pages_are_read_again(store: JobStore) -> None:
    await store.create(make_job())
    for _ in range(2):
        await store.fail(await must_claim(store, pages_total=2), PROBLEM, final=True)
    assert await store.retry("job-1") == 2
    assert [(await must_claim(store)).page_number for _ in range(2)] == [1, 2]


async def test_failed_pages_of_a_partial_job_are_read_again_and_told_anew(
    store: JobStore, redis: Redis
) -> None:
    options = JobOptions(webhook_url="https://example.com/hook")
    await store.create(replace(make_job(), options=options))
    first = await must_claim(store, pages_total=3)
    await store.finish(first, "results/1")
    await store.fail(await must_claim(store), PROBLEM, final=True)
    await store.fail(await must_claim(store), FILES_FAULT, final=True)
    job = await store.get("job-1")
    assert (job.status, job.pages_done, job.pages_failed) == (JobStatus.COMPLETED, 1, 2)
    assert (job.retry_refusal, job.keeps_upload) == (None, True)
    assert await store.retry("job-1") == 1
    assert await redis.zcard(keys.ENDED) == 0
    again = await must_claim(store)
    assert (again.page_number, again.charged) == (2, 1)
    assert await store.claim("worker", ["auto"]) is None
    assert await store.finish(again, "results/2")
    job = await store.get("job-1")
    assert (job.status, job.pages_done, job.pages_failed) == (JobStatus.COMPLETED, 2, 1)
    assert job.retry_refusal is RetryRefusal.FILE_AT_FAULT
    assert not job.keeps_upload
    assert await store.retry("job-1") == -1
    told = [delivery.id for delivery in await store.deliveries_of("job-1")]
    assert told == ["msg_job-1", "msg_job-1-2"]
    records = {page.number: page.result_key for page in await store.pages(job)}
    assert records == {1: "results/1", 2: "results/2", 3: None}


async def test_partial_job_with_a_password_is_not_retried(store: JobStore) -> None:
    await store.create(make_job(), "open sesame")
    await store.finish(await must_claim(store, pages_total=2), "results/1")
    await store.fail(await must_claim(store), PROBLEM, final=True)
    assert (await store.get("job-1")).retry_refusal is RetryRefusal.PASSWORD_NOT_KEPT
    assert await store.retry("job-1") == -1


async def test_pages_of_a_cancelled_job_that_still_lie_about_are_passed_over(
    redis: Redis, store: JobStore
) -> None:
    """As between the end of a long job and the moment when its pages are cleared away."""
    await store.create(make_job("long", priority=Priority.HIGH))
    await must_claim(store, pages_total=1_200)
    await store.create(make_job("other"))
    before = await redis.hget(keys.FAIR, "pass:high")
    scripts = Scripts(redis, StoreLimits())
    assert await scripts.call(Script.CANCEL, "long") == b"cancelled"
    assert await redis.zcard(keys.READY + "auto") == 1_200
    claim = await store.claim("worker", ["auto"])
    assert claim is not None
    assert claim.job.id == "other"
    assert await redis.hget(keys.FAIR, "pass:high") == before


async def test_sweeper_clears_what_a_cancelled_job_left_in_the_queues(
    redis: Redis, store: JobStore, blobs: Blobs
) -> None:
    await store.create(make_job())
    held = await must_claim(store, pages_total=600)
    delayed = await must_claim(store)
    await store.fail(delayed, PROBLEM, final=False)
    await Scripts(redis, StoreLimits()).call(Script.CANCEL, "job-1")
    assert not await store.finish(held, "results/late")
    assert await Sweeper(store, blobs).sweep_jobs() == 0
    for places in (keys.LEASES, keys.DELAYED, keys.READY + "auto", keys.UNTIDIED):
        assert await redis.zcard(places) == 0


async def test_job_that_did_not_fail_or_whose_file_is_at_fault_is_not_retried(
    store: JobStore,
) -> None:
    await store.create(make_job())
    assert await store.retry("job-1") == -1
    assert await store.retry("nonsense") == -1
    await store.fail(await must_claim(store), FILES_FAULT, final=True)
    assert await store.retry("job-1") == -1


async def test_queue_is_bounded_and_ended_jobs_make_room(redis: Redis) -> None:
    store = JobStore(redis, StoreLimits(max_queued_jobs=2))
    for job_id in ("a", "b"):
        assert await store.admit(job_id) is None
        await store.create(make_job(job_id))
    with pytest.raises(QueueFullError):
        await store.admit("c")
    with pytest.raises(QueueFullError):
        await store.create(make_job("c"))
    assert await store.uploading(["c"]) == set()
    assert (await store.create(make_job("b"))).id == "b"
    await store.cancel("a")
    assert await store.admit("c") is None
    await store.create(make_job("c"))


async def test_bound_holds_when_many_create_at_once(redis: Redis) -> None:
    store = JobStore(redis, StoreLimits(max_queued_jobs=10))
    refused: list[str] = []

    async def create(job_id: str) -> None:
        try:
            await store.create(make_job(job_id))
        except QueueFullError:
            refused.append(job_id)

    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(create, f"job-{number}")
    assert (len(refused), await redis.zcard(keys.JOBS)) == (30, 10)


async def test_key_stands_for_its_job_as_long_as_that_lives(store: JobStore) -> None:
    assert await store.admit("job-1", KEY) is None
    assert await store.admit("job-1", KEY) is None
    with pytest.raises(IdempotencyKeyInUseError):
        await store.admit("job-2", KEY)
    await store.create(make_job(), key=KEY, fingerprint="payload")
    assert await store.admit("job-2", KEY) == FirstAnswer("job-1", "payload")
    with pytest.raises(IdempotencyKeyInUseError):
        await store.create(make_job("job-2"), key=KEY, fingerprint="payload")
    await store.cancel("job-1")
    assert await store.admit("job-2", KEY) == FirstAnswer("job-1", "payload")
    await store.remove("job-1")
    assert await store.admit("job-2", KEY) is None


async def test_key_is_let_go_when_its_request_comes_to_nothing(store: JobStore) -> None:
    await store.admit("job-1", KEY)
    await store.withdraw("job-2", KEY)
    with pytest.raises(IdempotencyKeyInUseError):
        await store.admit("job-2", KEY)
    await store.withdraw("job-1", KEY)
    assert await store.uploading(["job-1"]) == set()
    assert await store.admit("job-2", KEY) is None


async def test_note_of_an_upload_that_is_left_stays(store: JobStore) -> None:
    await store.admit("job-1", KEY)
    await store.withdraw("job-1", KEY, keep_note=True)
    assert await store.uploading(["job-1"]) == {"job-1"}
    assert await store.admit("job-2", KEY) is None


async def test_key_held_for_a_killed_process_is_let_go_in_time(
    store: JobStore, redis: Redis
) -> None:
    await store.admit("job-1", KEY)
    left_s = await redis.ttl(keys.IDEMPOTENCY + KEY.digest)
    assert 0 < left_s <= 15
    await store.create(make_job(), key=KEY, fingerprint="payload")
    assert await redis.ttl(keys.IDEMPOTENCY + KEY.digest) == -1


async def test_keys_of_two_owners_are_two_keys() -> None:
    assert IdempotencyKey.of("k", "a") != IdempotencyKey.of("k", "b")


async def test_events_tell_a_jobs_whole_life(store: JobStore) -> None:
    await store.create(make_job())
    first = await must_claim(store, pages_total=2)
    await store.route(first, model="auto", keep=True)
    await store.finish(first, "results/a")
    second = await must_claim(store)
    await store.route(second, model="auto", keep=True)
    await store.fail(second, PROBLEM, final=True)
    assert await kinds(store, "job-1") == [
        "status pending",
        "status processing",
        "progress processing",
        "page 1completed",
        "page 2failed",
        "status completed",
    ]
    last = json.loads((await store.events("job-1", 5))[0])
    assert (last["pages_total"], last["pages_done"], last["pages_failed"]) == (2, 1, 1)
    assert await store.events("job-1", 6) == []


async def test_stale_worker_is_not_told_of(store: JobStore, hasty: JobStore) -> None:
    await store.create(make_job())
    stale = await must_claim(hasty)
    await hasty.reclaim_expired()
    before = await store.events("job-1")
    await store.finish(stale, "results/late")
    await store.fail(stale, PROBLEM, final=True)
    assert await store.events("job-1") == before


async def test_attempts_share_the_time_of_their_page(redis: Redis) -> None:
    store = JobStore(redis, StoreLimits(page_timeout_s=50.0, retry_backoff_s=(0.0,)))
    await store.create(make_job())
    claim = await must_claim(store)
    assert claim.left_s == pytest.approx(50.0)
    await redis.hset(keys.page_key("job-1", 1), "claimed_at", await store.server_time() - 20)
    assert await store.fail(claim, PROBLEM, final=False) is FailOutcome.RETRY
    await store.reclaim_expired()
    claim = await must_claim(store)
    assert claim.left_s == pytest.approx(30.0, abs=1)
    await redis.hset(keys.page_key("job-1", 1), "claimed_at", await store.server_time() - 40)
    assert await store.fail(claim, PROBLEM, final=False) is FailOutcome.FAILED


async def test_slow_model_has_a_time_of_its_own(redis: Redis) -> None:
    limits = StoreLimits(
        page_timeout_s=5.0, model_timeouts_s={"auto": 50.0}, retry_backoff_s=(0.0,)
    )
    store = JobStore(redis, limits)
    await store.create(make_job())
    claim = await must_claim(store)
    assert claim.left_s == pytest.approx(50.0)
    await redis.hset(keys.page_key("job-1", 1), "claimed_at", await store.server_time() - 20)
    assert await store.fail(claim, PROBLEM, final=False) is FailOutcome.RETRY
    await store.reclaim_expired()
    assert (await must_claim(store)).left_s == pytest.approx(30.0, abs=1)


async def test_page_whose_workers_were_lost_for_too_long_fails(redis: Redis) -> None:
    store = JobStore(redis, StoreLimits(page_timeout_s=50.0, lease_s=0))
    await store.create(make_job())
    await must_claim(store)
    await redis.hset(keys.page_key("job-1", 1), "claimed_at", await store.server_time() - 60)
    assert await store.reclaim_expired() == 1
    assert await store.claim("worker", ["auto"]) is None
    problem = (await store.get("job-1")).problem
    assert problem is not None
    assert (problem.code, problem.page) == ("page_timeout", 1)


async def test_job_is_cancelled_while_its_document_is_opened(store: JobStore, redis: Redis) -> None:
    await store.create(make_job(), "open sesame")
    opening = await store.claim("worker", ["auto"])
    assert opening is not None
    assert await store.cancel("job-1") is CancelOutcome.CANCELLED
    pages = PageRanges.of([(1, 3)])
    assert await store.open(opening, pages_total=3, pages=pages) is None
    assert await store.renew("worker", [opening]) == set()
    assert await store.claim("worker", ["auto"]) is None
    assert await redis.exists(keys.secret_key("job-1")) == 0
    assert await store.remove("job-1")


async def open_first_batch(redis: Redis, claim: Claim) -> None:
    """What a worker leaves that is killed between two calls of the opening."""
    scripts = Scripts(redis, StoreLimits(pages_at_once=2))
    arguments = (claim.job.id, claim.attempt, claim.worker_id, 5, "1-5", 5, "[]")
    assert await scripts.call(Script.OPEN, *arguments) == 1


async def test_job_whose_opening_stopped_half_way_is_cancelled_whole(
    store: JobStore, redis: Redis
) -> None:
    await store.create(make_job())
    opening = await store.claim("worker", ["auto"])
    assert opening is not None
    await open_first_batch(redis, opening)
    assert await store.cancel("job-1") is CancelOutcome.CANCELLED
    assert await store.claim("worker", ["auto"]) is None


async def test_opening_that_failed_half_way_is_retried_with_the_pages_it_had_queued(
    store: JobStore, redis: Redis
) -> None:
    await store.create(make_job())
    opening = await store.claim("worker", ["auto"])
    assert opening is not None
    await open_first_batch(redis, opening)
    assert (await must_claim(store)).page_number == 1
    async with redis.pubsub() as news:
        await news.subscribe(keys.STOP_NEWS)
        assert await store.fail(opening, PROBLEM, final=True) is FailOutcome.FAILED
        told = [await news.get_message(timeout=5) for _ in range(2)]
    assert told[1]["data"] == b"job-1"
    assert await store.claim("worker", ["auto"]) is None
    assert await store.retry("job-1") == 1
    again = await store.claim("worker", ["auto"])
    assert again is not None
    assert (again.is_opening, again.attempt, again.charged) == (True, 2, 1)
    await store.open(again, pages_total=5, pages=PageRanges.of([(1, 5)]))
    while claim := await store.claim("worker", ["auto"]):
        assert await store.finish(claim, f"results/{claim.name}")
    job = await store.get("job-1")
    assert (job.status, job.pages_done) == (JobStatus.COMPLETED, 5)


async def test_job_whose_password_is_gone_is_not_retried(store: JobStore) -> None:
    await store.create(make_job(), "open sesame")
    await store.fail(await must_claim(store), PROBLEM, final=True)
    assert not (await store.get("job-1")).can_be_retried
    assert await store.retry("job-1") == -1

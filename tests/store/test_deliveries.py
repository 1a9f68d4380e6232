"""Deliveries: written with the end of a job, claimed under leases, fenced, shared fairly."""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocr_api.errors import UnknownDeliveryError
from ocr_api.jobs import Delivery, DeliveryState, DeliveryTry, JobOptions, JobStatus
from ocr_api.store import JobStore, StoreLimits, keys
from tests.store.samples import PROBLEM, make_job, must_claim

pytestmark = pytest.mark.anyio

URL = "https://Receiver.example:8443/hook?a=b"
MADE = DeliveryTry(at=5.0, duration_s=0.25, status=500, error="The receiver answered 500.")


async def end_job(store: JobStore, job_id: str = "job-1", url: str | None = URL) -> None:
    options = JobOptions(webhook_url=url)
    await store.create(replace(make_job(job_id), options=options, filename="page.png"))
    assert await store.finish(await must_claim(store), f"results/{job_id}.1.1.json")


async def must_take(store: JobStore, lease_s: float = 30) -> Delivery:
    claimed = await store.claim_delivery("notifier", lease_s)
    assert claimed is not None
    return claimed


async def snapshot(redis: Redis) -> dict[object, object]:
    return {key: await redis.dump(key) for key in await redis.keys("*")}


async def test_end_of_a_job_writes_its_event(store: JobStore) -> None:
    await end_job(store)
    (delivery,) = await store.deliveries_of("job-1")
    job = await store.get("job-1")
    assert (delivery.id, delivery.url, delivery.filename) == ("msg_job-1", URL, "page.png")
    assert (delivery.state, delivery.job_status) == (DeliveryState.PENDING, JobStatus.COMPLETED)
    assert delivery.created_at == delivery.due_at == job.finished_at


async def test_job_without_a_webhook_writes_none(store: JobStore) -> None:
    await end_job(store, url=None)
    assert await store.deliveries_of("job-1") == []
    assert await store.claim_delivery("notifier", 30) is None


@pytest.mark.parametrize("way", ["failed", "exhausted by claims", "exhausted by leases"])
async def test_every_way_to_end_writes_the_event(redis: Redis, store: JobStore, way: str) -> None:
    once = JobStore(redis, StoreLimits(max_attempts=1, lease_s=0))
    await store.create(replace(make_job(), options=JobOptions(webhook_url=URL)))
    if way == "failed":
        await store.fail(await must_claim(store), PROBLEM, final=True)
    elif way == "exhausted by leases":
        await must_claim(once)
        await once.reclaim_expired()
    else:
        await store.release(await must_claim(store), charge=True)
        assert await once.claim("worker", ["auto"]) is None
    assert (await must_take(store)).job_status is JobStatus.FAILED


async def test_failed_try_waits_for_its_time(store: JobStore) -> None:
    await end_job(store)
    assert await store.postpone(await must_take(store), 1000, MADE)
    assert await store.claim_delivery("notifier", 30) is None
    (delivery,) = await store.deliveries_of("job-1")
    assert (delivery.tries, delivery.tried) == ((MADE,), 1)
    assert delivery.due_at is not None
    assert delivery.due_at > await store.server_time() + 990


async def test_redelivery_makes_a_waiting_one_due_at_once(store: JobStore) -> None:
    await end_job(store)
    await store.postpone(await must_take(store), 1000, MADE)
    await store.redeliver("job-1", "msg_job-1")
    assert (await must_take(store)).attempt == 2


async def test_redelivery_leaves_one_on_its_way_alone(store: JobStore) -> None:
    await end_job(store)
    claimed = await must_take(store)
    await store.redeliver("job-1", claimed.id)
    assert await store.claim_delivery("notifier", 30) is None
    assert await store.settle(claimed, DeliveryState.DELIVERED, MADE)


async def test_redelivery_starts_the_count_of_tries_afresh(store: JobStore) -> None:
    await end_job(store)
    await store.settle(await must_take(store), DeliveryState.FAILED, MADE)
    await store.redeliver("job-1", "msg_job-1")
    claimed = await must_take(store)
    assert (claimed.tried, claimed.attempt) == (1, 2)


@pytest.mark.parametrize("delivery_id", ["msg_job-2", "msg_", "job-1", "msg_job-1"])
async def test_unknown_delivery_is_not_repeated(store: JobStore, delivery_id: str) -> None:
    await store.create(make_job())
    await end_job(store, "job-2")
    with pytest.raises(UnknownDeliveryError):
        await store.redeliver("job-1", delivery_id)


@pytest.mark.parametrize("state", ["claimed by another", "ended by another", "postponed"])
async def test_stale_notifier_changes_nothing(store: JobStore, redis: Redis, state: str) -> None:
    await end_job(store)
    stale = await must_take(store, lease_s=0)
    await store.reclaim_deliveries(10)
    newer = await must_take(store)
    if state == "ended by another":
        await store.settle(newer, DeliveryState.DELIVERED, MADE)
    elif state == "postponed":
        await store.postpone(newer, 1000, MADE)
    before = await snapshot(redis)
    assert not await store.keep_body(stale, "webhooks/x")
    assert not await store.settle(stale, DeliveryState.FAILED, MADE)
    assert not await store.postpone(stale, 5, MADE)
    assert not await store.release_delivery(stale)
    assert await snapshot(redis) == before


async def test_lease_that_ran_out_is_logged_and_tried_again_at_once(store: JobStore) -> None:
    await end_job(store)
    first = await must_take(store, lease_s=0)
    await store.reclaim_deliveries(10)
    second = await must_take(store)
    assert (second.id, second.attempt, second.tried) == (first.id, 2, 2)
    (delivery,) = await store.deliveries_of("job-1")
    assert delivery.tries[0].at == first.claimed_at
    assert "stopped in the middle" in str(delivery.tries[0].error)


async def test_delivery_that_kills_every_notifier_fails(store: JobStore) -> None:
    await end_job(store)
    for _ in range(3):
        await must_take(store, lease_s=0)
        await store.reclaim_deliveries(3)
    assert await store.claim_delivery("notifier", 30) is None
    (delivery,) = await store.deliveries_of("job-1")
    assert (delivery.state, len(delivery.tries)) == (DeliveryState.FAILED, 3)


async def test_released_delivery_is_uncharged(store: JobStore) -> None:
    await end_job(store)
    assert await store.release_delivery(await must_take(store))
    assert (await must_take(store)).tried == 1


async def claim_all(store: JobStore) -> list[Delivery]:
    taken: list[Delivery] = []
    while (claimed := await store.claim_delivery("notifier", 30)) is not None:
        taken.append(claimed)
    return taken


async def test_receiver_gets_one_at_a_time_and_four_once_it_takes_them(store: JobStore) -> None:
    for number in range(10):
        await end_job(store, f"quick-{number}", "http://quick.example/hook")
    await end_job(store, "other", "http://other.example/hook")
    first, other = await claim_all(store)
    assert (first.job_id, other.job_id) == ("quick-0", "other")
    await store.settle(first, DeliveryState.DELIVERED, MADE)
    taken = await claim_all(store)
    assert [one.job_id for one in taken] == ["quick-1", "quick-2", "quick-3", "quick-4"]
    await store.postpone(taken[0], 1000, MADE)
    assert await claim_all(store) == []
    for claimed in taken[1:3]:
        await store.release_delivery(claimed, 1000)
    assert await claim_all(store) == []
    await store.settle(taken[3], DeliveryState.DELIVERED, MADE)
    assert len(await claim_all(store)) == 4


async def test_many_slow_receivers_leave_hands_to_a_quick_one(
    store: JobStore, redis: Redis
) -> None:
    """Eight receivers that hang, with ten events each, once held all of 32 hands."""
    for host in range(8):
        for number in range(10):
            await end_job(store, f"slow-{host}-{number}", f"http://slow-{host}.example/")
    slow = await claim_all(store)
    assert len(slow) == 8
    for claimed in slow:
        await store.postpone(claimed, 1000, MADE)
    assert len(await claim_all(store)) == 8
    await end_job(store, "quick", "http://quick.example/")
    (quick,) = await claim_all(store)
    await store.settle(quick, DeliveryState.DELIVERED, MADE)
    assert await redis.scard(keys.OUTBOX_QUICK) == 0


async def test_receiver_is_told_by_scheme_host_and_port(store: JobStore) -> None:
    await end_job(store, "job-0", "https://A.example/0?x#y")
    await end_job(store, "job-1", "https://a.example?one")
    await end_job(store, "job-2", "http://a.example/")
    await end_job(store, "job-3", "https://a.example:8443/")
    taken = await claim_all(store)
    assert sorted(one.job_id for one in taken) == ["job-0", "job-2", "job-3"]


async def test_log_of_tries_is_bounded(store: JobStore, redis: Redis) -> None:
    await end_job(store)
    for number in range(25):
        await store.postpone(await must_take(store), 0, replace(MADE, at=float(number)))
    (delivery,) = await store.deliveries_of("job-1")
    assert [made.at for made in delivery.tries] == [float(number) for number in range(5, 25)]
    assert await redis.llen(keys.DELIVERY_LOG + delivery.id) == 20


async def test_job_waits_for_its_body_before_it_expires(redis: Redis, store: JobStore) -> None:
    brief = JobStore(redis, StoreLimits(result_ttl_s=0))
    await end_job(brief)
    assert await store.expired(10) == []
    assert await store.keep_body(await must_take(store), "webhooks/msg_job-1.1.json")
    assert [job.id for job in await store.expired(10)] == ["job-1"]
    assert await store.remove("job-1")
    (delivery,) = await store.deliveries_of("job-1")
    assert delivery.state is DeliveryState.PENDING


async def test_ended_delivery_goes_with_its_job(store: JobStore) -> None:
    await end_job(store)
    await store.settle(await must_take(store), DeliveryState.DELIVERED, MADE)
    await store.remove("job-1")
    assert await store.deliveries_of("job-1") == []


async def test_delivery_that_outlived_its_job_is_remembered_for_a_while(
    store: JobStore, redis: Redis
) -> None:
    await end_job(store)
    await store.remove("job-1")
    await store.settle(await must_take(store), DeliveryState.DELIVERED, MADE)
    (delivery,) = await store.deliveries_of("job-1")
    assert delivery.state is DeliveryState.DELIVERED
    for key in (keys.DELIVERY + delivery.id, keys.DELIVERY_LOG + delivery.id):
        assert 0 < await redis.ttl(key) <= StoreLimits().result_ttl_s


async def test_job_that_is_started_again_is_told_again_under_another_id(
    store: JobStore, redis: Redis
) -> None:
    await end_job(store)
    first = await must_take(store)
    await store.settle(first, DeliveryState.DELIVERED, MADE)
    await redis.hset(keys.job_key("job-1"), mapping={"status": "pending", "pages_done": 0})
    await redis.hset(keys.page_key("job-1", 1), "status", "ready")
    await redis.zadd(keys.READY + "auto", {"job-1:1": 1})
    assert await store.finish(await must_claim(store), "results/job-1.1.2.json")
    second = await must_take(store)
    assert (first.id, second.id) == ("msg_job-1", "msg_job-1-2")
    assert [one.id for one in await store.deliveries_of("job-1")] == [first.id, second.id]
    await store.settle(second, DeliveryState.DELIVERED, MADE)
    assert (await store.redeliver("job-1", second.id)).state is DeliveryState.PENDING
    await store.remove("job-1")
    assert [one.id for one in await store.deliveries_of("job-1")] == [second.id]

"""The audit finds what is orphaned or missing, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocr_api.jobs import DeliveryState, DeliveryTry, JobOptions
from ocr_api.store import (
    Blobs,
    IdempotencyKey,
    JobStore,
    Sweeper,
    WorkerReport,
    audit,
    keys,
    result_key,
    webhook_body_key,
)
from ocr_api.store import upload_key as upload
from tests.store.samples import FILES_FAULT, PROBLEM, make_job, must_claim

pytestmark = pytest.mark.anyio


async def every_kind_of_job(store: JobStore, blobs: Blobs) -> None:
    """Jobs waiting, in work, delayed, read, failed either way and cancelled."""
    names = ("done", "failed", "damaged", "cancelled", "delayed", "busy")
    for name in (*names, "waiting"):
        await store.admit(name)
        await blobs.put(upload(name), b"upload")
        await store.create(make_job(name), key=IdempotencyKey.of(name), fingerprint="payload")
    claims = {name: await must_claim(store) for name in names}
    await every_kind_of_document(store, blobs)
    await blobs.put(result_key("done", 1, 1), b"result")
    await store.finish(claims["done"], result_key("done", 1, 1))
    await store.fail(claims["failed"], PROBLEM, final=True)
    await store.fail(claims["damaged"], FILES_FAULT, final=True)
    await store.fail(claims["delayed"], PROBLEM, final=False)
    await store.cancel("cancelled")
    await every_kind_of_delivery(store, blobs)
    await blobs.put(upload("owned"), b"upload")
    await store.create(replace(make_job("owned", "owned"), owner="archive"))
    await store.check_schema()
    await store.report(WorkerReport("worker"), 1000)


async def every_kind_of_delivery(store: JobStore, blobs: Blobs) -> None:
    """Events that wait, are on their way with a body, and have arrived."""
    for name in ("arrived", "sent", "unsent"):
        options = JobOptions(webhook_url=f"http://{name}.example/")
        await store.create(replace(make_job(name, name), options=options))
        await store.cancel(name)
        if name != "unsent":
            claimed = await store.claim_delivery("notifier", 1000)
            assert claimed is not None
            await blobs.put(webhook_body_key(claimed.id, 1), b"{}")
            await store.keep_body(claimed, webhook_body_key(claimed.id, 1))
            if name == "arrived":
                await store.settle(claimed, DeliveryState.DELIVERED, DeliveryTry(1.0, 0.1, 200))
                await blobs.delete(webhook_body_key(claimed.id, 1))


async def every_kind_of_document(store: JobStore, blobs: Blobs) -> None:
    """Documents of many pages with passwords: in work, cancelled in opening, and done in part."""
    for name in ("long", "opening", "part"):
        await store.admit(name)
        await blobs.put(upload(name), b"upload")
        await store.create(make_job(name, name), "open sesame")
    await must_claim(store, "long", pages_total=12)
    await store.claim("worker", ["opening"])
    await store.cancel("opening")
    read = await must_claim(store, "part", pages_total=2)
    await blobs.put(result_key("part", 1, 1), b"result")
    await store.finish(read, result_key("part", 1, 1))
    await store.fail(await must_claim(store, "part"), PROBLEM, final=True)


async def test_service_at_work_is_clean(redis: Redis, store: JobStore, blobs: Blobs) -> None:
    await every_kind_of_job(store, blobs)
    await store.switch_model("got", "qari")  # leaves an event
    assert await audit(redis, store, blobs) == []
    await Sweeper(store, blobs).sweep_jobs()
    assert await audit(redis, store, blobs) == []
    await store.admit("coming")
    await blobs.put(upload("coming"), b"upload")
    assert await audit(redis, store, blobs) == []


Damage = Callable[[Redis, Blobs], Awaitable[object]]
DAMAGES: dict[str, Damage] = {
    "uploads/nobody": lambda _, blobs: blobs.put(upload("nobody"), b"x"),
    "uploads/waiting": lambda _, blobs: blobs.delete(upload("waiting")),
    "results/done.1.1.json": lambda _, blobs: blobs.delete(result_key("done", 1, 1)),
    "uploads/failed": lambda _, blobs: blobs.delete(upload("failed")),
    "waiting:0": lambda redis, _: redis.zrem(keys.READY + "auto", "waiting:00000"),
    "busy:1": lambda redis, _: redis.zrem(keys.LEASES, "busy:00001"),
    "long:11": lambda redis, _: redis.zrem(keys.READY + "long", "long:00011"),
    "long:2": lambda redis, _: redis.zadd(keys.DELAYED, {"long:00002": 1}),
    "part:2": lambda redis, _: redis.delete(keys.page_key("part", 2)),
    "{ocr}:secret:part": lambda redis, _: redis.set(keys.secret_key("part"), "x"),
    "{ocr}:secret:nobody": lambda redis, _: redis.set(keys.secret_key("nobody"), "x"),
    "{ocr}:page:nobody:1": lambda redis, _: redis.hset(keys.page_key("nobody", 1), "a", "b"),
    "{ocr}:events:nobody": lambda redis, _: redis.rpush(keys.events_key("nobody"), "x"),
    "done": lambda redis, _: redis.zrem(keys.ENDED, "done"),
    "busy": lambda redis, _: redis.zrem(keys.JOBS, "busy"),
    "owned": lambda redis, _: redis.zrem(keys.OWNER_JOBS + "archive", "owned"),
    "stray": lambda redis, _: redis.zadd(keys.OWNER_JOBS + "clinic", {"stray": 1}),
    "nobody:1": lambda redis, _: redis.zadd(keys.DELAYED, {"nobody:1": 1}),
    "{ocr}:secret:long": lambda redis, _: redis.delete(keys.secret_key("long")),
    "{ocr}:schema": lambda redis, _: redis.delete(keys.SCHEMA),
    "{ocr}:sequence": lambda redis, _: redis.delete(keys.SEQUENCE),
    "{ocr}:page:long:99": lambda redis, _: redis.hset(keys.page_key("long", 99), "a", "b"),
    "{ocr}:ready:long": lambda redis, _: redis.srem(keys.LANES, "long"),
    "gone": lambda redis, _: redis.zadd(keys.UNTIDIED, {"gone": 1}),
    "ghost": lambda redis, _: redis.zadd(keys.ENDED, {"ghost": 1e12}),
    "{ocr}:workers:seen worker": lambda redis, _: redis.hdel(keys.WORKER_REPORTS, "worker"),
    "{ocr}:workers:seen other": lambda redis, _: redis.hset(keys.WORKER_REPORTS, "other", "{}"),
    "{ocr}:workers:live other": lambda redis, _: redis.zadd(keys.WORKERS_LIVE, {"other": 1e12}),
    "{ocr}:delivery:msg_arrived": lambda redis, _: redis.delete(
        keys.DELIVERY + "msg_arrived", keys.DELIVERY_LOG + "msg_arrived"
    ),
    "{ocr}:delivery-log:msg_arrived": lambda redis, _: redis.delete(
        keys.DELIVERY_LOG + "msg_arrived"
    ),
    "{ocr}:delivery-log:x": lambda redis, _: redis.rpush(keys.DELIVERY_LOG + "x", "{}"),
    "{ocr}:delivery:x": lambda redis, _: redis.zadd(keys.DELIVERY_LEASES, {"x": 1}),
    "{ocr}:delivery:msg_sent": lambda redis, _: redis.zrem(keys.DELIVERY_LEASES, "msg_sent"),
    "{ocr}:delivery:msg_unsent": lambda redis, _: redis.sadd(
        keys.OUTBOX_BUSY + "http://unsent.example", "msg_unsent"
    ),
    "{ocr}:outbox http://unsent.example": lambda redis, _: redis.zrem(
        keys.OUTBOX, "http://unsent.example"
    ),
    "{ocr}:outbox http://x": lambda redis, _: redis.zadd(keys.OUTBOX, {"http://x": 1}),
    "{ocr}:outbox:quick http://x": lambda redis, _: redis.sadd(keys.OUTBOX_QUICK, "http://x"),
    "webhooks/msg_sent.1.json": lambda _, blobs: blobs.delete(webhook_body_key("msg_sent", 1)),
    "webhooks/msg_x.1.json": lambda _, blobs: blobs.put(webhook_body_key("msg_x", 1), b"x"),
    "{ocr}:unheard-of": lambda redis, _: redis.set("{ocr}:unheard-of", "x"),
    "{ocr}:idempotency:x": lambda redis, _: redis.hset(
        keys.IDEMPOTENCY + "x", mapping={"job": "nobody", "fingerprint": "y"}
    ),
}


@pytest.mark.parametrize("subject", DAMAGES)
async def test_what_does_not_fit_is_named(
    redis: Redis, store: JobStore, blobs: Blobs, subject: str
) -> None:
    await every_kind_of_job(store, blobs)
    await Sweeper(store, blobs).sweep_jobs()
    await DAMAGES[subject](redis, blobs)
    found = await audit(redis, store, blobs, settle_s=0)
    assert [wrong.subject for wrong in found] == [subject]

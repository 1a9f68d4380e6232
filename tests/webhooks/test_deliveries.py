"""Events reach a real receiver, whatever it does, with one id, and are told of truly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import anyio
import anyio.to_thread
import pytest
from redis.asyncio import Redis
from standardwebhooks import Webhook, WebhookVerificationError

from ocr_api.jobs import Delivery, DeliveryState, JobOptions
from ocr_api.store import (
    EmbeddedServer,
    JobStore,
    StoreLimits,
    Sweeper,
    connect,
    keys,
    open_blobs,
)
from ocr_api.webhooks.body import Bodies
from tests.service import free_port
from tests.store.samples import PROBLEM, make_job, must_claim
from tests.webhooks.conftest import SECRET, TIMEOUT_S, Bench
from tests.webhooks.receiving import Receiving, receiver

pytestmark = [pytest.mark.anyio, pytest.mark.processes]


async def assert_no_body_left(bench: Bench) -> None:
    """A body is removed right after its delivery has ended."""
    with anyio.fail_after(2):
        while [blob.key async for blob in bench.blobs.list("webhooks")]:
            await anyio.sleep(0.01)


def statuses(delivery: Delivery) -> list[int | None]:
    return [made.status for made in delivery.tries]


async def test_event_arrives_signed_and_is_what_the_job_shows(
    notifying: Bench, receiving: Receiving
) -> None:
    await notifying.end("job-1", receiving.url("/ok?key=value"))
    delivery = await notifying.settled("job-1")
    (got,) = receiving.got()
    assert (delivery.state, statuses(delivery)) == (DeliveryState.DELIVERED, [200])
    assert delivery.tries[0].signed
    assert (got.method, got.path) == ("POST", "/ok?key=value")
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"127.0.0.1:{receiving.port}"
    assert got.headers["webhook-id"] == delivery.id
    event = Webhook(SECRET).verify(got.body, got.headers)
    assert event["job_id"] == "job-1"
    assert (event["type"], event["status"]) == ("job.completed", "completed")
    assert event["result"]["formatted_text"] == "read"
    assert (event["error"], event["metadata"]) == (None, {"order": 7})
    await assert_no_body_left(notifying)


async def test_changed_body_does_not_verify(notifying: Bench, receiving: Receiving) -> None:
    await notifying.end("job-1", receiving.url("/ok"))
    await notifying.settled("job-1")
    (got,) = receiving.got()
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(got.body.replace(b"completed", b"cancelled"), got.headers)


async def test_both_secrets_verify_while_rotating(bench: Bench, receiving: Receiving) -> None:
    new = "whsec_" + "B" * 43 + "="
    bench.secret = f"{new} {SECRET}"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.run, anyio.Event())
        await bench.end("job-1", receiving.url("/ok"))
        await bench.settled("job-1")
        tasks.cancel_scope.cancel()
    (got,) = receiving.got()
    for secret in (new, SECRET):
        assert Webhook(secret).verify(got.body, got.headers)


async def test_unsigned_delivery_says_so(bench: Bench, receiving: Receiving) -> None:
    bench.secret = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.run, anyio.Event())
        await bench.end("job-1", receiving.url("/ok"))
        delivery = await bench.settled("job-1")
        tasks.cancel_scope.cancel()
    (got,) = receiving.got()
    assert "webhook-signature" not in got.headers
    assert got.headers["webhook-id"] == delivery.id
    assert not delivery.tries[0].signed


async def test_failure_is_told_with_its_reason(
    notifying: Bench, receiving: Receiving, store: JobStore
) -> None:
    options = JobOptions(webhook_url=receiving.url("/ok"))
    await store.create(replace(make_job("job-1"), options=options))
    await store.fail(await must_claim(store), PROBLEM, final=True)
    await notifying.settled("job-1")
    event = receiving.got()[0].event
    assert (event["type"], event["error"]) == ("job.failed", PROBLEM.detail)
    assert event["error_detail"]["code"] == PROBLEM.code
    assert event["result"] is None


@pytest.mark.parametrize(
    ("path", "state", "expected"),
    [
        ("/flaky", DeliveryState.DELIVERED, [500, 204]),
        ("/redirect", DeliveryState.FAILED, [307, 307, 307]),
        ("/early", DeliveryState.FAILED, [None, None, None]),
        ("/halfway", DeliveryState.DELIVERED, [200]),
        ("/gone", DeliveryState.GONE, [410]),
        ("/hang", DeliveryState.FAILED, [None, None, None]),
        ("/drip", DeliveryState.FAILED, [None, None, None]),
    ],
)
async def test_receiver_is_treated_as_it_behaves(
    notifying: Bench, receiving: Receiving, path: str, state: DeliveryState, expected: list[object]
) -> None:
    await notifying.end("job-1", receiving.url(path))
    delivery = await notifying.settled("job-1")
    assert (delivery.state, statuses(delivery)) == (state, expected)
    got = receiving.got()
    assert {one.path for one in got} == {path}
    assert {one.headers["webhook-id"] for one in got} == {delivery.id}
    assert len({one.body for one in got}) == 1
    for made in delivery.tries:
        assert made.duration_s < TIMEOUT_S + 0.9
        assert (made.error is None) == (made.status in {200, 204})
    assert (delivery.body_key, delivery.due_at) == (None, None)
    await assert_no_body_left(notifying)


async def test_retry_after_is_honoured(notifying: Bench, receiving: Receiving) -> None:
    await notifying.end("job-1", receiving.url("/busy"))
    delivery = await notifying.settled("job-1")
    first, second = receiving.got()
    assert statuses(delivery) == [503, 200]
    assert second.at - first.at >= 2


async def test_receiver_that_was_down_gets_the_event_when_it_is_back(
    notifying: Bench, tmp_path: Path
) -> None:
    port = free_port()
    notifying.max_retries = 2
    await notifying.end("job-1", f"http://127.0.0.1:{port}/ok")
    with anyio.fail_after(10):
        while not (await notifying.delivery("job-1")).tries:
            await anyio.sleep(0.01)
    with receiver(tmp_path / "late.jsonl", port) as late:
        delivery = await notifying.settled("job-1")
        assert delivery.state is DeliveryState.DELIVERED
        assert delivery.tries[0].error == "No connection could be opened."
        assert len(late.got()) == 1


async def test_private_target_is_refused_when_it_is_sent_to(
    bench: Bench, receiving: Receiving
) -> None:
    """What was allowed when the job came in may be so no more."""
    bench.networks = ()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.run, anyio.Event())
        await bench.end("job-1", receiving.url("/ok"))
        delivery = await bench.settled("job-1")
        tasks.cancel_scope.cancel()
    assert delivery.state is DeliveryState.FAILED
    assert "loopback" in str(delivery.tries[0].error)
    assert receiving.got() == []


async def test_slow_receiver_holds_no_other_up(
    notifying: Bench, receiving: Receiving, tmp_path: Path
) -> None:
    """Twenty events wait for a receiver that hangs; eight hands there are."""
    for number in range(20):
        await notifying.end(f"slow-{number}", receiving.url("/hang"))
    with receiver(tmp_path / "other.jsonl") as other:
        started_at = anyio.current_time()
        for number in range(5):
            await notifying.end(f"quick-{number}", other.url("/ok"))
        for number in range(5):
            await notifying.settled(f"quick-{number}")
        assert anyio.current_time() - started_at < 5 * TIMEOUT_S  # slow ones take 20
    assert (await notifying.delivery("slow-19")).tries == ()


async def test_large_result_is_left_out_and_linked(bench: Bench, receiving: Receiving) -> None:
    bench.max_bytes = 4000
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.run, anyio.Event())
        await bench.end("job-1", receiving.url("/ok"), text="x" * 5000)
        await bench.end("job-2", receiving.url("/ok"), text="x" * 2500)
        await bench.settled("job-1")
        await bench.settled("job-2")
        tasks.cancel_scope.cancel()
    for event in (one.event for one in receiving.got()):
        assert event["result"] is None
        assert event["result_omitted"]
        assert event["links"]["self"] == f"/ocr/{event['job_id']}"


async def test_event_outlives_its_job(bench: Bench, redis: Redis, receiving: Receiving) -> None:
    """The job's retention is over before the first try, then between two tries."""
    bench.store = JobStore(redis, StoreLimits(result_ttl_s=1))
    sweeper = Sweeper(bench.store, bench.blobs)
    await bench.end("job-1", receiving.url("/flaky"))
    await anyio.sleep(1.1)
    assert await sweeper.sweep_jobs() == 0  # its body is not built yet
    claimed = await bench.store.claim_delivery("other", 30)
    assert claimed is not None
    body = await Bodies(bench.store, bench.blobs, 10_000).get(claimed)
    assert await sweeper.sweep_jobs() == 1
    assert await sweeper.sweep_orphans() == 0
    await bench.store.release_delivery(claimed)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.run, anyio.Event())
        await bench.settled("job-1")
        tasks.cancel_scope.cancel()
    assert len(receiving.got()) == 2
    assert {one.body for one in receiving.got()} == {body}
    await assert_no_body_left(bench)


async def test_job_removed_by_its_owner_is_still_told(bench: Bench, receiving: Receiving) -> None:
    await bench.end("job-1", receiving.url("/ok"))
    assert await bench.store.remove("job-1")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.run, anyio.Event())
        await bench.settled("job-1")
        tasks.cancel_scope.cancel()
    event = receiving.got()[0].event
    assert (event["job_id"], event["status"], event["removed"]) == ("job-1", "completed", True)


async def test_redelivery_repeats_id_and_body(notifying: Bench, receiving: Receiving) -> None:
    await notifying.end("job-1", receiving.url("/ok"))
    delivery = await notifying.settled("job-1")
    again = await notifying.store.redeliver("job-1", delivery.id)
    assert (again.state, again.ended_at) == (DeliveryState.PENDING, None)
    await notifying.settled("job-1")
    first, second = receiving.got()
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert len((await notifying.delivery("job-1")).tries) == 2


async def test_stopping_notifier_hands_back_what_it_cannot_end(
    bench: Bench, receiving: Receiving
) -> None:
    bench.drain_s = 0.1
    stop = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.run, stop)
        await bench.end("job-1", receiving.url("/hang"))
        with anyio.fail_after(5):
            while not receiving.got():
                await anyio.sleep(0.01)
        stop.set()
    delivery = await bench.delivery("job-1")
    assert (delivery.state, delivery.tried, delivery.tries) == (DeliveryState.PENDING, 0, ())
    assert await bench.store.claim_delivery("next", 30) is not None


async def test_nothing_is_left_in_the_queue_when_all_are_told(
    notifying: Bench, receiving: Receiving, redis: Redis
) -> None:
    for number in range(12):
        await notifying.end(f"job-{number}", receiving.url("/flaky"))
    for number in range(12):
        await notifying.settled(f"job-{number}")
        await notifying.store.remove(f"job-{number}")
    left = {cast("bytes", key).decode() for key in await redis.keys("*")}
    assert left <= {*(keys.LANES, keys.SEQUENCE, keys.SCHEMA, keys.WORKER_REPORTS, keys.FAIR)}


async def test_outage_of_the_store_in_mid_delivery_causes_no_second_request(
    tmp_path: Path, receiving: Receiving
) -> None:
    async with EmbeddedServer(tmp_path / "data") as server, connect(server.url) as redis:
        store = JobStore(redis, StoreLimits())
        bench = Bench(server.url, store, await open_blobs(tmp_path / "blobs"), timeout_s=5)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.run, anyio.Event())
            await bench.end("job-1", receiving.url("/slow"))
            with anyio.fail_after(5):
                while not receiving.got():
                    await anyio.sleep(0.01)
            await server.stop()
            await anyio.sleep(2)
            await server.start()
            delivery = await bench.settled("job-1")
            tasks.cancel_scope.cancel()
    assert (delivery.state, statuses(delivery)) == (DeliveryState.DELIVERED, [200])
    assert len(receiving.got()) == 1


async def test_next_one_goes_as_soon_as_a_receiver_has_a_hand_free(
    notifying: Bench, receiving: Receiving
) -> None:
    """Forty, four at a time: by polling alone they would take five seconds."""
    for number in range(40):
        await notifying.end(f"job-{number}", receiving.url("/ok"))
    for number in range(40):
        await notifying.settled(f"job-{number}", 4)

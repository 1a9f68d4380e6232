"""A real queue, a real object store, a real receiver; waits of a fraction of a second."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from redis.asyncio import Redis

from ocr_api.jobs import Delivery, DeliveryState, JobOptions, PageResult
from ocr_api.outbound import Outbound, OutboundLimits, parse_networks
from ocr_api.pages import PageText
from ocr_api.store import (
    Announcements,
    Blobs,
    EmbeddedServer,
    JobStore,
    StoreLimits,
    connect,
    connect_listener,
    encode_result,
    open_blobs,
    result_key,
)
from ocr_api.webhooks.body import Bodies
from ocr_api.webhooks.deliver import Parts
from ocr_api.webhooks.notifier import Notifier
from ocr_api.webhooks.schedule import Schedule
from ocr_api.webhooks.signing import read_secrets
from tests.store.samples import make_job, must_claim
from tests.webhooks.receiving import Receiving, receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TIMEOUT_S = 1.0


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedServer(tmp_path_factory.mktemp("server"))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
        yield server.url


@pytest.fixture
async def redis(server_url: str) -> AsyncIterator[Redis]:
    client = connect(server_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def store(redis: Redis) -> JobStore:
    return JobStore(redis, StoreLimits())


@pytest.fixture
async def blobs(tmp_path: Path) -> Blobs:
    return await open_blobs(tmp_path / "blobs")


@pytest.fixture
def receiving(tmp_path: Path) -> Iterator[Receiving]:
    with receiver(tmp_path / "got.jsonl") as found:
        yield found


@dataclass
class Bench:
    """Everything that a test of deliveries needs."""

    server_url: str
    store: JobStore
    blobs: Blobs
    secret: str | None = SECRET
    max_retries: int = 2
    max_bytes: int = 100_000
    lease_s: float = 30.0
    timeout_s: float = TIMEOUT_S
    drain_s: float = 5.0
    networks: tuple[str, ...] = ("127.0.0.0/8",)

    async def end(self, job_id: str, url: str, text: str = "read") -> None:
        """Takes a job through its life, up to its end."""
        options = JobOptions(webhook_url=url, metadata={"order": 7})
        await self.store.create(replace(make_job(job_id), options=options))
        claim = await must_claim(self.store)
        key = result_key(job_id, 1, claim.attempt)
        page = PageResult(1, "scripted", PageText(10, 10, formatted_text=text))
        await self.blobs.put(key, encode_result(page))
        assert await self.store.finish(claim, key)

    async def delivery(self, job_id: str) -> Delivery:
        """The delivery of a job, as it stands."""
        (found,) = await self.store.deliveries_of(job_id)
        return found

    async def settled(self, job_id: str, timeout_s: float = 15) -> Delivery:
        """The delivery of a job once it has ended."""
        with anyio.fail_after(timeout_s):
            while (found := await self.delivery(job_id)).state is DeliveryState.PENDING:
                await anyio.sleep(0.02)
        return found

    async def run(self, stop: anyio.Event) -> None:
        """A notifier, until told to stop."""
        limits = OutboundLimits(timeout_s=self.timeout_s, allowed=parse_networks(self.networks))
        async with (
            connect_listener(self.server_url) as listener,
            Outbound.open(limits) as outbound,
        ):
            parts = Parts(
                store=self.store,
                bodies=Bodies(self.store, self.blobs, self.max_bytes),
                outbound=outbound,
                signer=read_secrets(self.secret),
                schedule=Schedule((0.1, 0.2), self.max_retries),
                user_agent="ocr-api/test",
                budget_s=20,
            )
            notifier = Notifier("notifier", parts, Announcements(listener), self.lease_s, 8)
            await notifier.run(stop, self.drain_s)


@pytest.fixture
def bench(server_url: str, store: JobStore, blobs: Blobs) -> Bench:
    return Bench(server_url, store, blobs)


@pytest.fixture
async def notifying(bench: Bench) -> AsyncIterator[Bench]:
    """A bench whose notifier runs."""
    stop = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.run, stop)
        yield bench
        stop.set()
        bench.drain_s = 0
        tasks.cancel_scope.cancel()

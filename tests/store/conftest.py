"""A real embedded server for the whole session, emptied for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from redis.asyncio import Redis

from ocr_api.store import Blobs, EmbeddedServer, JobStore, StoreLimits, connect, open_blobs


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
    return JobStore(redis, StoreLimits(lease_s=30, max_attempts=3, retry_backoff_s=(0.0,)))


@pytest.fixture
async def hasty(redis: Redis) -> JobStore:
    """The same queue, seen by a process whose leases are over at once."""
    return JobStore(redis, StoreLimits(lease_s=0, max_attempts=3, result_ttl_s=0))


@pytest.fixture
async def blobs(tmp_path: Path) -> Blobs:
    return await open_blobs(tmp_path / "blobs")

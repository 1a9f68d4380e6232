"""The store tells of the server's absence at once, and goes on when it is back."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis
from redis.exceptions import (
    BusyLoadingError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from ocr_api.errors import StorageFullError, StoreError, StoreUnavailableError
from ocr_api.store import EmbeddedServer, JobStore, StoreLimits, WorkerReport, connect
from ocr_api.store.failures import explain_redis
from tests.store.samples import make_job

pytestmark = pytest.mark.anyio


async def every_kind_of_call(store: JobStore) -> None:
    with pytest.raises(StoreUnavailableError):
        await store.create(make_job("job-2"))
    with pytest.raises(StoreUnavailableError):
        await store.get("job-1")
    with pytest.raises(StoreUnavailableError):
        await store.password(replace(make_job("job-1"), has_password=True))
    with pytest.raises(StoreUnavailableError):
        await store.claim("worker", ["auto"])
    with pytest.raises(StoreUnavailableError):
        await store.report(WorkerReport("w"), 1)
    with pytest.raises(StoreUnavailableError):
        await store.have_ended(["job-1"])
    with pytest.raises(StoreUnavailableError):
        await store.ping()


async def test_outage_is_told_quickly_and_ends_without_a_trace(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path) as server, connect(server.url) as redis:
        store = JobStore(redis, StoreLimits())
        async with anyio.create_task_group() as group:  # fills the pool of connections
            for number in range(8):
                group.start_soon(store.create, make_job(f"job-{number}"))
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await server.wait_stopped()
        start = time.monotonic()
        await every_kind_of_call(store)
        assert time.monotonic() - start < 1
        await server.start()
        for number in range(8):
            assert (await store.get(f"job-{number}")).id == f"job-{number}"
        assert await store.claim("worker", ["auto"]) is not None


async def test_scripts_forgotten_by_the_server_are_sent_again(
    store: JobStore, redis: Redis
) -> None:
    await store.create(make_job())
    await redis.script_flush()
    assert await store.claim("worker", ["auto"]) is not None


async def test_script_whose_answer_is_late_is_not_repeated(tmp_path: Path) -> None:
    async with (
        EmbeddedServer(tmp_path) as server,
        connect(server.url, reply_timeout_s=0.3) as redis,
    ):
        store = JobStore(redis, StoreLimits())
        assert await store.claim("worker", ["auto"]) is None  # the server knows the script now
        for job_id in ("first", "second", "third"):
            await store.create(make_job(job_id))
        assert server.pid is not None
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailableError):
                await store.claim("worker", ["auto"])
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await anyio.sleep(0.1)
        assert await store.queue_lengths() == {"auto": 2}


async def test_server_without_memory_refuses_as_unavailable(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path) as server, connect(server.url) as redis:
        store = JobStore(redis, StoreLimits())
        await store.create(make_job("job-1"))
        await redis.config_set("maxmemory", "1")
        with pytest.raises(StoreUnavailableError):
            await store.create(make_job("job-2"))
        assert (await store.get("job-1")).id == "job-1"
        await redis.config_set("maxmemory", "0")
        await store.create(make_job("job-2"))


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (ReadOnlyError("You can't write against a read only replica."), StoreUnavailableError),
        (BusyLoadingError("Valkey is loading the dataset in memory"), StoreUnavailableError),
        (OutOfMemoryError("command not allowed"), StoreUnavailableError),
        (ResponseError("MISCONF Errors writing to the AOF file"), StoreUnavailableError),
        (
            ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
            StorageFullError,
        ),
        (ResponseError("ERR wrong number of arguments"), StoreError),
    ],
)
def test_refusals_are_told_apart(error: RedisError, meant: type[StoreError]) -> None:
    assert type(explain_redis(error)) is meant

"""News reach those who watch, also after the server was away."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from ocr_api.store import (
    Announcements,
    EmbeddedServer,
    JobStore,
    ModelAction,
    StoreLimits,
    Watch,
    WorkerReport,
    connect,
    connect_listener,
)
from tests.store.samples import PROBLEM, make_job, must_claim

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Announcements]:
    client = connect_listener(url)
    announcements = Announcements(client)
    async with anyio.create_task_group() as group:
        group.start_soon(announcements.run)
        with announcements.watching_work() as watch:
            assert await watch.changed(5)  # the connection is up
        yield announcements
        group.cancel_scope.cancel()
    await client.aclose()


async def hears(watch: Watch) -> bool:
    return await watch.changed(5)


async def hears_nothing(watch: Watch) -> bool:
    return not await watch.changed(0.1)


async def test_every_step_of_a_job_is_announced(store: JobStore, server_url: str) -> None:
    async with listening(server_url) as news:
        with news.watching("job-1") as job, news.watching("job-2") as other:
            await store.create(make_job())
            assert await hears(job)
            claim = await must_claim(store)
            assert await hears(job)
            await store.route(claim, model="tesseract", keep=True)
            assert await hears(job)
            await store.finish(claim, "results/x")
            assert await hears(job)
            assert await hears_nothing(other)  # a step may tell its own job more than once


async def test_news_before_the_wait_is_not_lost(store: JobStore, server_url: str) -> None:
    async with listening(server_url) as news:
        with news.watching("job-1") as watch:
            await store.create(make_job())
            await anyio.sleep(0.1)
            assert await watch.changed(0)


@pytest.mark.parametrize("how", ["created", "released", "moved", "retried", "expired"])
async def test_page_that_becomes_ready_wakes_workers(
    store: JobStore, hasty: JobStore, server_url: str, how: str
) -> None:
    if how != "created":
        await store.create(make_job())
        claim = await must_claim(hasty if how == "expired" else store)
    async with listening(server_url) as news:
        with news.watching_work() as watch:
            if how == "created":
                await store.create(make_job())
            elif how == "released":
                await store.release(claim, charge=True)
            elif how == "moved":
                await store.route(claim, model="qari", keep=False)
            elif how == "retried":
                await store.fail(claim, PROBLEM, final=False)
                await store.reclaim_expired()
            else:
                await store.reclaim_expired()
            assert await hears(watch)


async def test_watch_of_a_job_leaves_nothing_behind(server_url: str) -> None:
    client = connect_listener(server_url)
    announcements = Announcements(client)
    with announcements.watching("job-1"), announcements.watching("job-1"):
        pass
    assert announcements._watches == {}
    await client.aclose()


async def test_announcements_survive_the_servers_death(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path / "data") as server, connect(server.url) as redis:
        store = JobStore(redis, StoreLimits())
        async with listening(server.url) as news:
            with news.watching("job-1") as watch:
                assert server.pid is not None
                os.kill(server.pid, signal.SIGKILL)
                await server.wait_stopped()
                await anyio.sleep(0.2)
                await server.start()
                assert await hears(watch)  # back: anything may have happened
                await store.create(make_job())
                assert await hears(watch)


async def test_the_stop_of_a_job_is_heard_while_any_of_its_pages_is_in_work(
    store: JobStore, server_url: str
) -> None:
    watch = Watch()
    await store.create(make_job())
    async with listening(server_url) as news:
        with news.watching_stops("job-1", watch):
            with news.watching_stops("job-1", watch):
                pass
            await store.cancel("job-1")
            assert await hears(watch)


async def test_switches_and_wishes_wake_workers(store: JobStore, server_url: str) -> None:
    async with listening(server_url) as news:
        with news.watching_orders() as watch:
            switch = await store.switch_model("got", "qari")
            assert await hears(watch)
            await store.settle_switch(switch.number)
            assert await hears(watch)
            await store.wish_model("got", ModelAction.UNLOAD)
            assert await hears(watch)
            failing = await store.switch_model("deepseek", "qari")
            assert await hears(watch)
            await store.fall_back(failing.number, "No room.")
            assert await hears(watch)
            await store.report(WorkerReport("w"), 60, is_news=True)
            assert await hears_nothing(watch)


async def test_whoever_watches_models_hears_orders_and_news_of_workers(
    store: JobStore, server_url: str
) -> None:
    async with listening(server_url) as news:
        with news.watching_models() as watch:
            await store.report(WorkerReport("w"), 60, is_news=True)
            assert await hears(watch)
            await store.report(WorkerReport("w"), 60)
            assert await hears_nothing(watch)
            await store.wish_model("got", ModelAction.LOAD)
            assert await hears(watch)

"""Loads and unloads are noted at once and kept when the store is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

from ocr_api.catalog import load_catalog, this_host
from ocr_api.errors import ModelDoesNotFitError, ModelLoadError
from ocr_api.settings import load_settings
from ocr_api.store import EmbeddedServer, JobStore, ModelWhy, StoreLimits, connect
from ocr_api.worker.model_journal import ModelJournal
from ocr_api.worker.page_reader import PageReader, opened_reader
from ocr_api.worker.planning import reader_plan
from ocr_api.worker.residency import ResidencyPlan
from tests.worker.residency_catalog import write_catalog

pytestmark = pytest.mark.anyio

Opened = Callable[..., AbstractAsyncContextManager[PageReader]]


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedServer(tmp_path_factory.mktemp("server"))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
        yield server.url


@pytest.fixture
async def store(server_url: str) -> AsyncIterator[JobStore]:
    async with connect(server_url) as redis:
        await redis.flushall()
        yield JobStore(redis, StoreLimits())


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Opens a reader with models a and b of 60 MiB each, and broken."""
    path = write_catalog(tmp_path / "own.toml", 60, a={}, b={}, broken={"fail_load": True})

    @asynccontextmanager
    async def open_reader(budget_mib: int) -> AsyncIterator[PageReader]:
        host = await anyio.to_thread.run_sync(this_host)
        catalog = await anyio.to_thread.run_sync(load_catalog, path)
        plan = reader_plan(load_settings(worker_processes=1), host, lambda _: None)
        residency = ResidencyPlan({"cpu": budget_mib})
        async with opened_reader(replace(plan, residency=residency), catalog, host) as reader:
            yield reader

    return open_reader


def told(journal: ModelJournal) -> list[tuple[str, str, str, int | None]]:
    return [(one.kind, one.model, one.why, one.memory_mib) for one in journal.waiting]


async def test_change_of_models_is_told_with_its_cause(opened: Opened) -> None:
    async with opened(100) as reader:
        journal = reader.models.journal
        await reader.load("a", ModelWhy.PRELOAD)
        await reader.load("b", ModelWhy.SWITCH)
        await reader.load("b", ModelWhy.WISH)  # nothing happens
        assert await reader.models.unload("b", ModelWhy.KEEP_ALIVE)
        assert not await reader.unload("b")
        assert told(journal) == [
            ("load", "a", "preload", 60),
            ("unload", "a", "switch", 60),
            ("load", "b", "switch", 60),
            ("unload", "b", "keep_alive", 60),
        ]
        assert journal.waiting[1].detail == "It left for 'b'."
        assert all((one.duration_s or 0) > 0 for one in journal.waiting if one.kind == "load")


async def test_failed_load_is_told_once(opened: Opened) -> None:
    async with opened(100) as reader:
        with pytest.raises(ModelLoadError):
            await reader.load("broken", ModelWhy.SWITCH)
        assert told(reader.models.journal) == [("load_failed", "broken", "switch", None)]
        assert "told not to load" in reader.models.journal.waiting[0].detail
    async with opened(50) as reader:
        with pytest.raises(ModelDoesNotFitError):
            await reader.load("a", ModelWhy.SCHEDULER)  # refused before a process is started
        assert told(reader.models.journal) == [("load_failed", "a", "scheduler", None)]


async def test_events_wait_for_a_store_that_is_away(store: JobStore) -> None:
    journal = ModelJournal()
    async with connect("redis://127.0.0.1:1/0") as nobody, anyio.create_task_group() as tasks:
        away = JobStore(nobody, StoreLimits())
        tasks.start_soon(journal.run, away, "w1")
        with journal.cause("a", ModelWhy.WISH):
            journal.loaded("a", 1.0, 60)
        await anyio.sleep(0.2)
        journal.stopped("a", 60)
        tasks.cancel_scope.cancel()
    assert len(journal.waiting) == 2
    await journal.write(store, "w1")
    assert not journal.waiting
    await journal.write(store, "w1")
    events = (await store.model_events(limit=9)).events
    assert [(one.kind, one.why, one.worker) for one in events] == [
        ("unload", "stop", "w1"),
        ("load", "wish", "w1"),
    ]
    assert events[0].at > events[1].at

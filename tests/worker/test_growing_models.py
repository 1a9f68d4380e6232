"""Models that take more memory while they read than after they were loaded."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from ocr_api.catalog import load_catalog, this_host
from ocr_api.jobs import JobOptions, MediaType
from ocr_api.settings import load_settings
from ocr_api.store import JobStore, StoreLimits, connect
from ocr_api.worker.fleet import Among, Fleet
from ocr_api.worker.loaded_models import model_report
from ocr_api.worker.model_scheduler import ModelScheduler, SchedulerView
from ocr_api.worker.page_reader import PageReader, opened_reader
from ocr_api.worker.page_steps import PageSource
from ocr_api.worker.planning import reader_plan
from ocr_api.worker.residency import ResidencyPlan
from tests.service import small_png
from tests.worker.residency_catalog import write_catalog

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

Opened = Callable[[int], AbstractAsyncContextManager[PageReader]]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Opens a reader with models of 60 MiB each, of which one grows to 90 with its second page."""
    path = write_catalog(tmp_path / "own.toml", 60, grows={"peaks_mib": [60, 90, 70]}, other={})

    @asynccontextmanager
    async def open_reader(budget_mib: int) -> AsyncIterator[PageReader]:
        host = await anyio.to_thread.run_sync(this_host)
        catalog = await anyio.to_thread.run_sync(load_catalog, path)
        plan = reader_plan(load_settings(worker_processes=1), host, lambda _: None)
        residency = ResidencyPlan({"cpu": budget_mib})
        async with opened_reader(replace(plan, residency=residency), catalog, host) as reader:
            yield reader

    return open_reader


async def read(reader: PageReader, model: str) -> None:
    descriptor = os.memfd_create("upload")
    os.write(descriptor, small_png())
    await reader.read(PageSource(descriptor, MediaType.PNG, 1, JobOptions()), model)
    os.close(descriptor)


def told_mib(reader: PageReader, model: str) -> int | None:
    return model_report("", reader.state(model)).memory_mib


async def test_what_a_model_is_known_to_take_is_the_most_that_was_seen(opened: Opened) -> None:
    async with opened(130) as reader:
        await reader.load("grows")
        seen: list[int | None] = [told_mib(reader, "grows")]
        for _ in range(3):
            await read(reader, "grows")
            seen.append(told_mib(reader, "grows"))
        assert seen == [60, 60, 90, 90]
        assert reader.models.residents.seat("grows").known_mib == 90
        await reader.unload("grows")
        await reader.load("grows")
        assert told_mib(reader, "grows") == 90
        assert reader.models.residents.room("other").evict == ("grows",)


async def test_peak_above_the_budget_refuses_no_model_that_was_loaded_within_it(
    opened: Opened,
) -> None:
    async with opened(80) as reader:
        await reader.load("grows")
        for _ in range(2):
            await read(reader, "grows")
        assert reader.models.residents.one_too_many() is None
        await reader.unload("grows")
        assert reader.models.may_be_loaded("grows")
        assert reader.models.refusal("grows") is None
        await reader.load("grows")


async def test_idle_model_leaves_where_another_has_outgrown_the_budget(opened: Opened) -> None:
    async def queue_lengths() -> dict[str, int]:
        return {}

    async with connect("redis://127.0.0.1:1/0") as nobody, opened(130) as reader:
        among = Among(JobStore(nobody, StoreLimits()), Fleet("w1"))
        view = SchedulerView(queue_lengths, lambda _: True, {"grows": 4, "other": 4}, among)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ModelScheduler(reader.models, view).run)
            await reader.load("other")
            await reader.load("grows")
            await read(reader, "grows")
            await anyio.sleep(0.5)
            assert reader.models.is_running("other")
            await read(reader, "grows")
            with anyio.fail_after(20):
                while reader.models.is_running("other"):
                    await anyio.sleep(0.02)
            tasks.cancel_scope.cancel()
        assert reader.models.is_running("grows")
        last = reader.models.journal.waiting[-1]
        assert (last.kind, last.model, last.why) == ("unload", "other", "memory")

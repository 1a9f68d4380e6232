"""Loading, evicting and unloading with real children."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from ocr_api.catalog import load_catalog, this_host
from ocr_api.errors import ModelDoesNotFitError, ModelLoadError
from ocr_api.jobs import JobOptions, MediaType, PageResult
from ocr_api.settings import load_settings
from ocr_api.worker.page_reader import PageReader, opened_reader
from ocr_api.worker.page_steps import PageSource
from ocr_api.worker.planning import reader_plan
from ocr_api.worker.residency import ResidencyPlan
from tests.service import descendants, is_running, small_png
from tests.worker.residency_catalog import write_catalog

pytestmark = pytest.mark.anyio

Opened = Callable[..., AbstractAsyncContextManager[PageReader]]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Opens a reader with models a, b, c and slow of 60 MiB each, and broken."""
    path = write_catalog(
        tmp_path / "own.toml",
        60,
        a={},
        b={},
        c={},
        slow={"delay_s": 1.0},
        broken={"fail_load": True},
        hanging={"load_delay_s": 30.0},
    )

    @asynccontextmanager
    async def open_reader(budget_mib: int, *pinned: str) -> AsyncIterator[PageReader]:
        host = await anyio.to_thread.run_sync(this_host)
        catalog = await anyio.to_thread.run_sync(load_catalog, path)
        plan = reader_plan(load_settings(worker_processes=1), host, lambda _: None)
        residency = ResidencyPlan({"cpu": budget_mib}, pinned=frozenset(pinned))
        async with opened_reader(replace(plan, residency=residency), catalog, host) as reader:
            yield reader

    return open_reader


def loaded(reader: PageReader) -> set[str]:
    return {model for model, pids in reader.children().items() if pids and len(model) < 7}


def model_pids() -> list[int]:
    """Model children of this very process."""
    return [pid for pid, line in descendants(os.getpid()) if "ocr_api.child.model_process" in line]


async def load_hanging(reader: PageReader, refusals: list[str]) -> None:
    """Loads a model that hangs; notes why that ended."""
    try:
        await reader.load("hanging")
    except ModelLoadError as exc:
        refusals.append(exc.detail)


async def read(reader: PageReader, model: str) -> PageResult:
    descriptor = os.memfd_create("upload")
    try:
        os.write(descriptor, small_png())
        source = PageSource(descriptor, MediaType.PNG, 1, JobOptions())
        return await reader.read(source, model)
    finally:
        os.close(descriptor)


async def test_third_model_evicts_the_least_recently_used_whose_process_is_gone(
    opened: Opened,
) -> None:
    async with opened(130) as reader:
        await reader.load("a")
        await reader.load("b")
        assert reader.models.residents.enter("a")  # a page of it
        reader.models.residents.leave("a")
        (pid,) = reader.children()["b"]
        await reader.load("c")
        assert loaded(reader) == {"a", "c"}
        assert not is_running(pid)
        assert not reader.models.residents.is_open("b")


async def test_pinned_model_is_never_evicted_and_what_lacks_its_room_is_refused(
    opened: Opened,
) -> None:
    async with opened(130, "a") as reader:
        for model in ("a", "b", "c"):
            await reader.load(model)
        assert loaded(reader) == {"a", "c"}
    async with opened(100, "a") as reader:
        await reader.load("a")
        with pytest.raises(ModelDoesNotFitError, match="20 MiB more"):
            await reader.load("b")
        assert isinstance(reader.models.refusal("b"), ModelDoesNotFitError)
        assert loaded(reader) == {"a"}


async def test_busy_model_ends_its_page_before_it_leaves(opened: Opened) -> None:
    async with opened(100) as reader, anyio.create_task_group() as tasks:
        await reader.load("slow")
        results: list[PageResult] = []

        async def read_slowly() -> None:
            results.append(await read(reader, "slow"))

        tasks.start_soon(read_slowly)
        with anyio.fail_after(30):
            while not reader.models.is_busy("slow"):
                await anyio.sleep(0.01)
            tasks.start_soon(reader.load, "a")
            while not reader.models.residents.seat("slow").is_draining:
                await anyio.sleep(0.01)
            assert reader.state("slow").is_unloading
            assert not reader.models.residents.enter("slow")
            while loaded(reader) != {"a"}:
                await anyio.sleep(0.01)
                assert results or "slow" in loaded(reader)
        assert [result.model for result in results] == ["slow"]


async def test_child_killed_while_its_model_drains_has_its_page_read_all_the_same(
    opened: Opened,
) -> None:
    async with opened(100) as reader, anyio.create_task_group() as tasks:
        await reader.load("slow")
        outcomes: list[object] = []

        async def read_slowly() -> None:
            try:
                outcomes.append((await read(reader, "slow")).model)
            except Exception as exc:  # noqa: BLE001 - whatever it is, the page has ended
                outcomes.append(exc)

        tasks.start_soon(read_slowly)
        while not reader.models.is_busy("slow"):
            await anyio.sleep(0.01)
        tasks.start_soon(reader.unload, "slow")
        await anyio.sleep(0.3)
        for pid in reader.children()["slow"]:
            os.kill(pid, signal.SIGKILL)
        with anyio.fail_after(30):
            while not outcomes or reader.models.changes.is_under_way:
                await anyio.sleep(0.02)
        assert loaded(reader) == set()
        assert not reader.models.residents.seat("slow").is_present
        await reader.load("a")  # nothing hangs on


async def test_model_that_hangs_while_it_loads_keeps_nobody_waiting_who_fits(
    opened: Opened,
) -> None:
    async with opened(130) as reader, anyio.create_task_group() as tasks:
        tasks.start_soon(reader.load, "hanging")
        with anyio.fail_after(15):
            while not reader.state("hanging").is_loading:
                await anyio.sleep(0.01)
            await reader.load("a")
            await reader.load("b")  # in the place of a, as far as memory goes
        assert reader.state("hanging").is_loading
        assert loaded(reader) == {"b"}
        tasks.cancel_scope.cancel()


async def test_unload_ends_a_load_in_progress(opened: Opened) -> None:
    async with opened(100) as reader, anyio.create_task_group() as tasks:
        refusals: list[str] = []
        tasks.start_soon(load_hanging, reader, refusals)
        with anyio.fail_after(15):
            while not (pids := model_pids()):
                await anyio.sleep(0.01)
            assert await reader.unload("hanging")
            while not refusals:
                await anyio.sleep(0.01)
            await reader.load("a")
        assert "unloaded before it was loaded" in refusals[0]
        assert not any(map(is_running, pids))
        assert not reader.models.residents.seat("hanging").is_present
        assert reader.models.may_be_loaded("hanging")  # it did not fail


async def test_unload_ends_every_load_that_was_asked_for_before(opened: Opened) -> None:
    async with opened(100) as reader, anyio.create_task_group() as tasks:
        refusals: list[str] = []
        for _ in range(3):
            tasks.start_soon(load_hanging, reader, refusals)
        with anyio.fail_after(15):
            while not model_pids():
                await anyio.sleep(0.01)
            await reader.unload("hanging")
            while len(refusals) < 3:
                await anyio.sleep(0.01)
        assert not model_pids()


async def test_model_that_is_leaving_is_loaded_again_where_that_is_wanted(opened: Opened) -> None:
    async with opened(100) as reader, anyio.create_task_group() as tasks:
        await reader.load("slow")
        (pid,) = reader.children()["slow"]
        tasks.start_soon(read, reader, "slow")
        with anyio.fail_after(30):
            while not reader.models.is_busy("slow"):
                await anyio.sleep(0.01)
            tasks.start_soon(reader.unload, "slow")
            while not reader.models.residents.seat("slow").is_draining:
                await anyio.sleep(0.01)
            await reader.load("slow")
        assert reader.models.residents.is_open("slow")
        assert reader.children()["slow"] not in {(), (pid,)}


async def test_two_loads_at_once_keep_to_the_budget(opened: Opened) -> None:
    async with opened(100) as reader:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reader.load, "a")
            tasks.start_soon(reader.load, "b")
        assert len(loaded(reader)) == 1
        assert len(model_pids()) == 1


async def test_model_whose_idle_process_ended_takes_no_room_any_more(opened: Opened) -> None:
    async with opened(100) as reader:
        await reader.load("a")
        (pid,) = reader.children()["a"]
        os.kill(pid, signal.SIGKILL)
        with anyio.fail_after(10):
            while reader.models.residents.seat("a").is_present:
                await anyio.sleep(0.01)
        assert not reader.models.residents.is_open("a")


async def test_unload_tells_whether_it_was_loaded_and_the_process_is_gone(opened: Opened) -> None:
    async with opened(100) as reader:
        assert not await reader.unload("a")
        await reader.load("a")
        (pid,) = reader.children()["a"]
        assert await reader.unload("a")
        assert not is_running(pid)
        assert not await reader.unload("a")
        await reader.load("a")
        assert (await read(reader, "a")).text.lines[0].text == "a 32"


async def test_model_that_cannot_be_loaded_leaves_the_room_to_others(opened: Opened) -> None:
    async with opened(100) as reader:
        for _ in range(3):
            with pytest.raises(ModelLoadError, match="told not to load"):
                await reader.load("broken")
        assert reader.state("broken").error
        assert reader.models.refusal("broken") is not None
        assert not reader.models.may_be_loaded("broken")
        await reader.load("a")
        assert loaded(reader) == {"a"}

"""Whole workers that share a queue, with less memory than their models would take."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from ocr_api.catalog import load_catalog
from ocr_api.jobs import Job, JobStatus
from ocr_api.settings import load_settings
from ocr_api.store import (
    Blobs,
    EmbeddedServer,
    JobStore,
    ModelAction,
    ModelReport,
    ModelTurn,
    StoreLimits,
    WorkerReport,
    connect,
    connect_listener,
    decode_result,
    open_blobs,
)
from ocr_api.worker.main import Connections, Worker, opened_worker, work_until
from tests.service import descendants, small_png
from tests.store.samples import make_job
from tests.worker.residency_catalog import write_catalog

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
MODELS = ("a", "b", "c")
FAIRNESS_S = 3.0


@dataclass(frozen=True)
class Cluster:
    """Workers on one store."""

    store: JobStore
    blobs: Blobs
    workers: Sequence[Worker]

    async def submit(self, number: int, model: str) -> None:
        job = replace(make_job(f"job-{number}", model), requested_model=model)
        await self.blobs.put(job.upload_key, small_png(width=32 + number))
        await self.store.create(job)

    async def ended(self, count: int, timeout_s: float = 90) -> list[Job]:
        jobs: list[Job] = []
        with anyio.fail_after(timeout_s):
            for number in range(count):
                while not (job := await self.store.get(f"job-{number}")).has_ended:
                    await anyio.sleep(0.1)
                jobs.append(job)
        return jobs


@asynccontextmanager
async def running(folder: Path, workers: int, catalog_file: Path) -> AsyncIterator[Cluster]:
    """Workers with room for one model each."""
    settings = load_settings(
        catalog_file=catalog_file,
        model_memory_mib=100,
        model_fairness_seconds=FAIRNESS_S,
        worker_processes=1,
        data_dir=folder,
        default_model="a",
    )
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedServer(folder / "store"))
        redis = await stack.enter_async_context(connect(server.url))
        blobs = await open_blobs(folder / "blobs")
        catalog = await anyio.to_thread.run_sync(load_catalog, catalog_file)
        started: list[Worker] = []
        for _ in range(workers):
            listener = await stack.enter_async_context(connect_listener(server.url))
            connections = Connections(redis, listener, blobs)
            started.append(
                await stack.enter_async_context(opened_worker(settings, catalog, connections))
            )
        stop = anyio.Event()
        async with anyio.create_task_group() as tasks:
            for worker in started:
                tasks.start_soon(work_until, worker, stop)
            yield Cluster(JobStore(redis, StoreLimits()), blobs, started)
            stop.set()


async def count_loads(worker: Worker, loads: Counter[str], stop: anyio.Event) -> None:
    """Counts the processes of each model that were ever seen."""
    seen: set[int] = set()
    while not stop.is_set():
        for model, pids in worker.parts.reader.children().items():
            new = set(pids) - seen if model in MODELS else set()
            loads[model] += len(new)
            seen |= new
            if len([other for other in MODELS if worker.parts.reader.children().get(other)]) > 1:
                loads["too many"] += 1
        await anyio.sleep(0.01)


async def test_mixed_traffic_of_three_models_with_room_for_one_alternates_in_runs(
    tmp_path: Path,
) -> None:
    catalog = write_catalog(tmp_path / "own.toml", 60, **{m: {"delay_s": 0.02} for m in MODELS})
    loads: Counter[str] = Counter()
    stop = anyio.Event()
    async with running(tmp_path, 1, catalog) as cluster, anyio.create_task_group() as tasks:
        tasks.start_soon(count_loads, cluster.workers[0], loads, stop)
        for number in range(36):
            await cluster.submit(number, MODELS[number % 3])
            await anyio.sleep(0.05)
        jobs = await cluster.ended(36)
        stop.set()
    assert {job.status for job in jobs} == {JobStatus.COMPLETED}
    assert all(loads[model] for model in MODELS)
    assert loads["too many"] == 0
    assert sum(loads.values()) <= 12, loads  # page by page would be 36


async def test_lane_that_another_worker_serves_drives_nothing_out(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "own.toml", 60, a={}, b={})
    async with running(tmp_path, 1, catalog) as cluster:
        await cluster.submit(0, "a")
        await cluster.ended(1)
        other = WorkerReport("other", models={"b": ModelReport(loaded=1)})
        await cluster.store.report(other, 60)
        await anyio.sleep(1.5)  # seen
        for number in (1, 2):
            await cluster.submit(number, "b")
        await anyio.sleep(1.5 * FAIRNESS_S)
        children = cluster.workers[0].parts.reader.children()
        assert children["a"]
        assert not children.get("b")
        await cluster.store.remove_worker("other")
        jobs = await cluster.ended(3)
    assert {job.status for job in jobs} == {JobStatus.COMPLETED}


async def test_worker_waits_for_its_turn_and_for_no_turn_of_one_that_is_gone(
    tmp_path: Path,
) -> None:
    catalog = write_catalog(tmp_path / "own.toml", 60, a={}, b={})
    async with running(tmp_path, 1, catalog) as cluster:
        await cluster.submit(0, "a")
        await cluster.ended(1)
        turn = ModelTurn("gone", "c", evicts=True)
        assert await cluster.store.take_turn(turn, is_alone=False, ttl_s=2 * FAIRNESS_S)
        await cluster.submit(1, "b")
        await anyio.sleep(1.7 * FAIRNESS_S)
        assert not cluster.workers[0].parts.reader.children().get("b")
        jobs = await cluster.ended(2)
    assert {job.status for job in jobs} == {JobStatus.COMPLETED}


async def until(holds: Callable[[], object]) -> None:
    with anyio.fail_after(60):
        while not holds():
            await anyio.sleep(0.02)


async def test_unload_that_ends_the_load_of_a_switch_does_not_take_it_back(tmp_path: Path) -> None:
    catalog = write_catalog(
        tmp_path / "own.toml", 40, a={"delay_s": 4.0}, b={"load_delay_s": 30.0}, c={}
    )
    async with running(tmp_path, 1, catalog) as cluster:
        store, reader = cluster.store, cluster.workers[0].parts.reader
        await cluster.submit(0, "a")
        await until(lambda: reader.models.residents.seat("a").in_work)
        switch = await store.switch_model("b", "a")
        await until(lambda: reader.state("b").is_loading)
        await store.wish_model("c", ModelAction.LOAD)  # has `a` leave, which the unload waits for
        await until(lambda: reader.state("a").is_unloading)
        await store.wish_model("b", ModelAction.UNLOAD)
        await until(lambda: not reader.state("b").is_loading)
        await anyio.sleep(1.5)  # in which the worker looks
        assert reader.state("a").is_unloading
        current = await store.current_model()
    assert current is not None
    assert (current.model, current.number, current.failure) == ("b", switch.number, None)


async def test_pages_of_a_model_that_fits_no_worker_fail_and_do_not_wait(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "own.toml", 150, a={})
    async with running(tmp_path, 2, catalog) as cluster:
        await anyio.sleep(2.5)  # each has seen the other
        await cluster.submit(0, "a")
        (job,) = await cluster.ended(1, 20)
    assert job.problem is not None
    assert job.problem.code == "model_does_not_fit"


async def test_model_whose_load_always_fails_blocks_nobody(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "own.toml", 60, a={}, broken={"fail_load": True})
    async with running(tmp_path, 1, catalog) as cluster:
        for number in range(8):
            await cluster.submit(number, "broken" if number % 2 == 0 else "a")
        jobs = await cluster.ended(8)
    assert [job.status for job in jobs] == [JobStatus.FAILED, JobStatus.COMPLETED] * 4
    assert {job.problem.code for job in jobs[::2] if job.problem} == {"model_load_failed"}


async def test_pages_of_auto_leave_a_model_that_cannot_be_loaded(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "own.toml", 60, a={}, broken={"fail_load": True})
    routes = '[[routes]]\nmodels = ["broken", "a"]\nreason = "any page"\n'
    catalog.write_text(catalog.read_text() + routes)
    async with running(tmp_path, 1, catalog) as cluster:
        for number in range(3):
            await cluster.submit(number, "auto")
        for job in await cluster.ended(3):
            (page,) = await cluster.store.pages(job)
            assert page.result_key is not None
            result = decode_result(await cluster.blobs.get(page.result_key))
            assert (job.status, job.attempts, result.model) == (JobStatus.COMPLETED, 1, "a")
            assert result.route_reason is not None
            assert "broken is better for such pages but cannot run now" in result.route_reason


async def test_child_killed_while_it_loads_charges_no_page(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "own.toml", 60, a={"load_delay_s": 1.0})
    async with running(tmp_path, 1, catalog) as cluster:
        await cluster.submit(0, "a")
        reader = cluster.workers[0].parts.reader
        with anyio.fail_after(60):
            while not (reader.state("a").is_loading and model_pids(os.getpid())):
                await anyio.sleep(0.02)
        await anyio.sleep(0.4)
        for pid in model_pids(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        (job,) = await cluster.ended(1)
        (page,) = await cluster.store.pages(job)
    assert (job.status, page.charged) == (JobStatus.COMPLETED, 1)


def model_pids(parent: int) -> list[int]:
    """Model children of this very process."""
    return [pid for pid, line in descendants(parent) if "ocr_api.child.model_process" in line]

"""The next model's files lie in the page cache before it is loaded."""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from ocr_api.catalog import load_catalog, this_host
from ocr_api.jobs import JobOptions, MediaType
from ocr_api.settings import load_settings
from ocr_api.store import JobStore, StoreLimits, connect
from ocr_api.weights import Found
from ocr_api.worker.fleet import Among, Fleet
from ocr_api.worker.model_scheduler import ModelScheduler, SchedulerView
from ocr_api.worker.page_reader import PageReader, opened_reader
from ocr_api.worker.page_steps import PageSource
from ocr_api.worker.planning import reader_plan
from ocr_api.worker.read_ahead import ReadAhead, available_bytes, read_files
from ocr_api.worker.residency import ResidencyPlan
from tests.service import small_png
from tests.worker.residency_catalog import write_catalog

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
MIB = 1 << 20
SIZE = 24 * MIB


def resident_share(path: Path) -> float:
    """Share of a file's pages that lie in the page cache, by mincore(2)."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        mapped = mmap.mmap(file.fileno(), size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    pages = -(-size // mmap.PAGESIZE)
    seen = (ctypes.c_ubyte * pages)()
    first = ctypes.c_char.from_buffer(mapped)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    code = libc.mincore(ctypes.addressof(first), size, ctypes.addressof(seen))
    del first
    mapped.close()
    assert code == 0
    return sum(flag & 1 for flag in seen) / pages


@pytest.fixture
def weights(tmp_path: Path) -> Found:
    """Two files that lie on the disk alone."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("model-1.safetensors", "model-2.safetensors", "other.bin"):
        path = folder / name
        with path.open("wb") as file:
            file.write(os.urandom(MIB) * (SIZE // MIB))
            file.flush()
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if resident_share(path) > 0.05:
            pytest.skip("files of this file system always lie in memory")
    return Found(folder)


def shares(found: Found) -> list[float]:
    return [resident_share(path) for path in sorted(found.folder.iterdir())]


def test_tensor_files_are_read_and_no_others(weights: Found) -> None:
    assert read_files(weights, lambda: 1 << 40, threading.Event()) == 2 * SIZE
    first, second, other = shares(weights)
    assert min(first, second) > 0.95
    assert other < 0.05


def test_no_more_than_a_share_of_the_memory_is_read(weights: Found) -> None:
    assert read_files(weights, lambda: 2 * (SIZE + 8 * MIB), threading.Event()) == SIZE + 8 * MIB
    first, second, _ = shares(weights)
    assert first > 0.95
    assert second < 0.8
    assert read_files(weights, lambda: None, threading.Event()) == 0
    assert 0 < (available_bytes() or 0) < 1 << 50


def test_reading_that_was_stopped_reads_nothing_more(weights: Found) -> None:
    stop = threading.Event()
    stop.set()
    assert read_files(weights, lambda: 1 << 40, stop) == 0
    assert shares(weights)[0] < 0.05


async def test_each_model_is_read_once_for_each_change(weights: Found) -> None:
    asked: list[int] = []

    def available() -> int:
        asked.append(1)
        return 1 << 40

    async with anyio.create_task_group() as tasks:
        ahead = ReadAhead(lambda _: weights, tasks, available)
        for _ in range(3):
            ahead.expect("a")
            await anyio.sleep(0.05)
        with ahead.reading("a"):
            while shares(weights)[1] < 0.95:
                await anyio.sleep(0.01)
        assert len(asked) == 1
        ahead.expect(None)
        with ahead.reading("a"):
            while len(asked) < 2:
                await anyio.sleep(0.01)


async def test_model_that_is_expected_no_more_is_not_read_on(weights: Found) -> None:
    began, go_on = threading.Event(), threading.Event()

    def available() -> int:
        began.set()
        go_on.wait(20)
        return 1 << 40

    async with anyio.create_task_group() as tasks:
        ahead = ReadAhead(lambda model: weights if model == "a" else None, tasks, available)
        ahead.expect("a")
        while not began.is_set():
            await anyio.sleep(0.01)
        ahead.expect("b")
        go_on.set()
    assert shares(weights)[0] < 0.05


@asynccontextmanager
async def opened(tmp_path: Path, weights: Found) -> AsyncIterator[PageReader]:
    """A reader with room for one of two models; the second one has these weights."""
    path = write_catalog(tmp_path / "own.toml", 60, slow={"delay_s": 2.0}, heavy={})
    path.write_text(path.read_text() + 'weights = { repo = "tests/heavy" }\n')
    host = await anyio.to_thread.run_sync(this_host)
    catalog = await anyio.to_thread.run_sync(load_catalog, path)
    plan = reader_plan(load_settings(worker_processes=1), host, lambda _: weights)
    residency = ResidencyPlan({"cpu": 100})
    async with opened_reader(replace(plan, residency=residency), catalog, host) as reader:
        yield reader


async def test_files_are_read_while_the_model_before_still_drains(
    tmp_path: Path, weights: Found
) -> None:
    async with opened(tmp_path, weights) as reader, anyio.create_task_group() as tasks:
        await reader.load("slow")

        async def read_slowly() -> None:
            descriptor = os.memfd_create("upload")
            os.write(descriptor, small_png())
            await reader.read(PageSource(descriptor, MediaType.PNG, 1, JobOptions()), "slow")
            os.close(descriptor)

        tasks.start_soon(read_slowly)
        with anyio.fail_after(40):
            while not reader.models.is_busy("slow"):
                await anyio.sleep(0.01)
            tasks.start_soon(reader.load, "heavy")
            while shares(weights)[1] < 0.95:
                await anyio.sleep(0.01)
            assert reader.models.residents.seat("slow").is_draining
            assert reader.models.is_running("slow")
            assert not reader.models.is_running("heavy")
            while not reader.models.is_running("heavy"):
                await anyio.sleep(0.01)


async def test_files_of_a_waiting_model_are_read_while_the_loaded_one_has_pages(
    tmp_path: Path, weights: Found
) -> None:
    async def queue_lengths() -> dict[str, int]:
        return {"slow": 5, "heavy": 1}

    async with connect("redis://127.0.0.1:1/0") as nobody, opened(tmp_path, weights) as reader:
        among = Among(JobStore(nobody, StoreLimits()), Fleet("w1"))
        view = SchedulerView(queue_lengths, lambda _: True, {"slow": 4, "heavy": 4}, among)
        await reader.load("slow")
        assert reader.models.residents.enter("slow")  # a page in work
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ModelScheduler(reader.models, view).run)
            with anyio.fail_after(30):
                while shares(weights)[1] < 0.95:
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        assert reader.models.is_running("slow")
        assert not reader.models.residents.seat("slow").is_draining
        assert not reader.models.changes.is_under_way

"""Two releases of one layout work side by side, and one of an older layout stops by itself.

`store/recorded/release-layout-1.tar.xz` is the package as it was before its scripts looked at the
layout, without the language data.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from redis.asyncio import Redis

from ocr_api.jobs import JobStatus
from ocr_api.store import (
    Blobs,
    EmbeddedServer,
    JobStore,
    StoreLimits,
    audit,
    connect,
    keys,
    open_blobs,
    upload_key,
)
from ocr_api.store.layout import CURRENT, Layout
from tests.service import eventually, scripted_catalog, small_png
from tests.store.samples import make_job

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]
RECORDED = Path(__file__).parents[1] / "store" / "recorded" / "release-layout-1.tar.xz"
JOBS = 60


@pytest.fixture
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as started:
        yield started


@pytest.fixture
def redis(portal: BlockingPortal, tmp_path: Path) -> Iterator[Redis]:
    server = EmbeddedServer(tmp_path)
    with (
        portal.wrap_async_context_manager(server),
        portal.wrap_async_context_manager(connect(server.url)) as client,
    ):
        yield client


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """Of workers of either release."""
    catalog = scripted_catalog(tmp_path / "own.toml", text="read", delay_s=0.05)
    return {
        **os.environ,
        "REDIS_URL": f"unix://{tmp_path / 'valkey' / 'valkey.sock'}",
        "DATA_DIR": str(tmp_path),
        "CATALOG_FILE": str(catalog),
        "WORKER_PROCESSES": "1",
    }


def python_of(release: Path, folder: Path) -> Path:
    """Gives an interpreter for which a release is installed, with all that this one has besides.

    The children of a worker are started with its interpreter and an environment of their own.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    (places,) = folder.glob("lib/python3*/site-packages")
    (places / "release.pth").write_text(f"{release}\n{sysconfig.get_path('purelib')}\n")
    return folder / "bin" / "python"


@contextmanager
def working(
    environment: Mapping[str, str], log: Path, python: Path = Path(sys.executable)
) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(python), "-P", "-m", "ocr_api.cli.main", "worker", "--no-notifier"]
    with (
        log.open("wb") as told,
        subprocess.Popen(command, env=environment, stdout=told, stderr=told) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


async def submit(store: JobStore, blobs: Blobs) -> None:
    await store.check_schema()
    for number in range(JOBS):
        job = make_job(f"job-{number}", "slow")
        await blobs.put(upload_key(job.id), small_png())
        await store.create(job)


async def readers(redis: Redis) -> Counter[str]:
    """How many pages are read."""
    names = [await redis.hget(keys.page_key(f"job-{n}", 1), "result_key") for n in range(JOBS)]
    return Counter("read" if name else "waiting" for name in names)


def test_older_and_newer_worker_share_the_work(
    portal: BlockingPortal, redis: Redis, environment: Mapping[str, str], tmp_path: Path
) -> None:
    with tarfile.open(RECORDED) as release:
        release.extractall(tmp_path / "release", filter="data")
    store = JobStore(redis, StoreLimits())
    blobs = portal.call(open_blobs, tmp_path / "uploads")
    logs = {"old": tmp_path / "old.log", "new": tmp_path / "new.log"}
    older = python_of(tmp_path / "release", tmp_path / "venv")
    with working(environment, logs["old"], older), working(environment, logs["new"]):
        eventually(lambda: len(portal.call(store.workers)) == 2, 40)
        reports = portal.call(redis.hvals, keys.WORKER_REPORTS)
        assert sorted(b'"layout":1' in report for report in reports) == [False, True]
        portal.call(submit, store, blobs)
        eventually(lambda: portal.call(readers, redis)["read"] == JOBS, 60)
        assert portal.call(partial(audit, redis, store, blobs)) == []
    found = portal.call(partial(store.list_jobs, limit=JOBS)).jobs
    assert {job.status for job in found} == {JobStatus.COMPLETED}
    assert {job.attempts for job in found} == {1}
    for log in logs.values():
        assert log.read_text().count("page_read") > 0, log.read_text()[-2000:]


def test_worker_stops_once_a_newer_layout_takes_its_data_over(
    portal: BlockingPortal, redis: Redis, environment: Mapping[str, str], tmp_path: Path
) -> None:
    newer = Layout(CURRENT.version + 1, {CURRENT.version: ""})
    log = tmp_path / "worker.log"
    with working(environment, log) as worker:
        eventually(lambda: len(portal.call(JobStore(redis, StoreLimits()).workers)) == 1, 40)
        portal.call(JobStore(redis, StoreLimits(), newer).check_schema)
        assert worker.wait(20) == 1
    assert "store_schema_newer" in log.read_text()
    assert "Traceback" not in log.read_text()

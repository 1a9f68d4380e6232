"""A page that is interrupted between keeping its result and hearing that it was committed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from ocr_api.catalog import load_catalog, this_host
from ocr_api.jobs import Claim, MediaType
from ocr_api.settings import load_settings
from ocr_api.store import (
    Announcements,
    EmbeddedServer,
    JobStore,
    StoreLimits,
    connect,
    connect_listener,
    open_blobs,
)
from ocr_api.worker.hands import Hands
from ocr_api.worker.leases import Leases
from ocr_api.worker.page_reader import PageReader, opened_reader
from ocr_api.worker.planning import reader_plan
from ocr_api.worker.process_page import Parts, process_claim
from ocr_api.worker.text_publisher import TextPublisher
from tests.service import small_png
from tests.store.samples import make_job

pytestmark = [pytest.mark.anyio, pytest.mark.processes]
MODEL = "scripted"


class DeafStore(JobStore):
    """Its answer to `finish` never arrives.

    Attributes:
        commits: The call itself arrives; else the job is cancelled meanwhile.
        was_asked: Somebody waits for the answer.
    """

    commits = False

    async def finish(self, claim: Claim, result_key: str, warnings: Sequence[str] = ()) -> bool:
        if self.commits:
            assert await super().finish(claim, result_key, warnings)
        else:
            await self.cancel(claim.job.id)
        self.was_asked.set()
        await anyio.sleep_forever()
        raise AssertionError

    was_asked: anyio.Event


def reader_of_this_host() -> AbstractAsyncContextManager[PageReader]:
    host = this_host()
    plan = reader_plan(load_settings(worker_processes=1), host, lambda _: None)
    return opened_reader(plan, load_catalog(), host)


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    opening = await anyio.to_thread.run_sync(reader_of_this_host)
    async with (
        opening as reader,
        EmbeddedServer(tmp_path / "data") as server,
        connect(server.url) as redis,
        connect_listener(server.url) as listener,
    ):
        store = DeafStore(redis, StoreLimits())
        store.was_asked = anyio.Event()
        blobs = await open_blobs(tmp_path / "blobs")
        leases = Leases(store, Announcements(listener), "worker", 10)
        yield Parts(store, blobs, reader, leases, frozenset({MODEL}), TextPublisher(store))


@pytest.mark.parametrize("commits", [True, False])
async def test_interrupted_page_leaves_its_result_only_where_it_was_committed(
    parts: Parts,
    commits: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    assert isinstance(parts.store, DeafStore)
    parts.store.commits = commits
    job = replace(make_job(), model=MODEL, media_type=MediaType.PNG)
    await parts.blobs.put(job.upload_key, small_png())
    await parts.store.create(job)
    claim = await parts.store.claim("worker", [MODEL])
    assert claim is not None
    async with anyio.create_task_group() as work:
        work.start_soon(process_claim, claim, Hands([MODEL], 1, {}).take(MODEL), parts)
        with anyio.fail_after(60):
            await parts.store.was_asked.wait()
        work.cancel_scope.cancel()
    left = [blob.key async for blob in parts.blobs.list("results")]
    committed = [page.result_key for page in await parts.store.pages(await parts.store.get(job.id))]
    assert left == [key for key in committed if key is not None]
    assert len(left) == commits

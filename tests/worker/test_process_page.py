"""A worker that is told to stop hands back what it holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import anyio
import anyio.lowlevel
import pytest

from ocr_api.jobs import Claim, PageRanges, PageStatus
from ocr_api.store import (
    Announcements,
    EmbeddedServer,
    JobStore,
    StoreLimits,
    connect,
    connect_listener,
    open_blobs,
    upload_key,
)
from ocr_api.worker.hands import Hands
from ocr_api.worker.leases import Leases
from ocr_api.worker.page_reader import PageReader
from ocr_api.worker.process_page import Parts, process_claim
from ocr_api.worker.text_publisher import TextPublisher
from tests.store.samples import make_job

pytestmark = pytest.mark.anyio


class StoppedWhileOpening(JobStore):
    """Has the worker stopped after the store has queued the pages, before it hears of that."""

    scope: anyio.CancelScope

    async def open(self, *args: object, **named: object) -> Claim | None:
        following = await super().open(*args, **named)  # type: ignore[arg-type]
        self.scope.cancel()
        await anyio.lowlevel.checkpoint()
        return following


class ThreePages:
    """In place of children: finds three pages, and reads none."""

    async def open(self, _source: object) -> object:
        return SimpleNamespace(pages_total=3, warnings=())

    def choose_pages(self, _source: object, _total: int) -> object:
        return SimpleNamespace(pages=PageRanges.of([(1, 3)]), warnings=())


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    async with (
        EmbeddedServer(tmp_path) as server,
        connect(server.url) as redis,
        connect_listener(server.url) as listener,
    ):
        store = StoppedWhileOpening(redis, StoreLimits())
        yield Parts(
            store,
            await open_blobs(tmp_path / "blobs"),
            cast("PageReader", ThreePages()),
            Leases(store, Announcements(listener), "worker", 10),
            frozenset({"tesseract"}),
            TextPublisher(store),
        )


async def test_stop_during_the_opening_charges_no_page(parts: Parts) -> None:
    await parts.blobs.put(upload_key("job-1"), b"upload")
    await parts.store.create(make_job())
    claim = await parts.store.claim("worker", ["auto"])
    assert claim is not None
    assert isinstance(parts.store, StoppedWhileOpening)
    with anyio.CancelScope() as parts.store.scope:
        await process_claim(claim, Hands(["auto"], 1, {}).take("auto"), parts)
    job = await parts.store.get("job-1")
    pages = await parts.store.pages(job)
    assert [(page.status, page.charged) for page in pages] == [(PageStatus.READY, 0)] * 3
    again = await parts.store.claim("other", ["auto"])
    assert again is not None
    assert (again.page_number, again.charged) == (1, 1)

"""Workers take what they can work on, and leave the rest to others."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from ocr_api.jobs import Claim
from ocr_api.store import (
    Announcements,
    EmbeddedServer,
    JobStore,
    StoreLimits,
    connect,
    connect_listener,
)
from ocr_api.worker.claiming import Claiming
from ocr_api.worker.hands import Hand, Hands
from tests.store.samples import make_job

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


class Workshop:
    """Workers whose pages never end, and what each of them holds."""

    def __init__(self, store: JobStore, announcements: Announcements) -> None:
        self._store = store
        self._announcements = announcements
        self.held: Counter[tuple[str, str]] = Counter()

    async def work(self, worker: str, hands: Hands) -> None:
        """Claims for ever."""

        async def hold(claim: Claim, _hand: Hand) -> None:
            self.held[worker, claim.model] += 1
            await anyio.sleep_forever()

        await Claiming(self._store, self._announcements, worker, hands).run(hold, anyio.Event())

    async def submit(self, model: str, *numbers: int) -> None:
        """Queues jobs of one task each."""
        for number in numbers:
            await self._store.create(replace(make_job(f"{model}-{number}"), model=model))

    async def has(self, **expected: int) -> None:
        """Waits until so many pages are held, by worker and model (`one_qari=2`)."""
        wanted = {tuple(name.split("_")): count for name, count in expected.items()}
        with anyio.move_on_after(20):
            while self.held != wanted:
                await anyio.sleep(0.01)
        assert self.held == wanted


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with (
        EmbeddedServer(tmp_path) as server,
        connect(server.url) as redis,
        connect_listener(server.url) as listener,
        anyio.create_task_group() as tasks,
    ):
        announcements = Announcements(listener)
        tasks.start_soon(announcements.run)
        yield Workshop(JobStore(redis, StoreLimits()), announcements)
        tasks.cancel_scope.cancel()


def hands() -> Hands:
    return Hands(["qari", "tesseract"], 2, {"qari": 3})


async def test_worker_takes_two_rounds_of_a_batching_model_and_no_more(workshop: Workshop) -> None:
    await workshop.submit("qari", *range(9))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(workshop.work, "one", hands())
        await workshop.has(one_qari=6)
        await anyio.sleep(0.5)
        assert workshop.held["one", "qari"] == 6
        tasks.cancel_scope.cancel()


async def test_pages_of_other_models_do_not_wait_behind_a_batch(workshop: Workshop) -> None:
    await workshop.submit("qari", *range(9))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(workshop.work, "one", hands())
        await workshop.has(one_qari=6)
        await workshop.submit("tesseract", *range(5))
        await workshop.has(one_qari=6, one_tesseract=2)
        tasks.cancel_scope.cancel()


async def test_page_goes_to_the_idle_worker_rather_than_to_a_next_batch(
    workshop: Workshop,
) -> None:
    async with anyio.create_task_group() as tasks:
        await workshop.submit("qari", *range(3))
        tasks.start_soon(workshop.work, "one", hands())
        await workshop.has(one_qari=3)
        tasks.start_soon(workshop.work, "two", hands())
        await anyio.sleep(0.3)
        await workshop.submit("qari", 10, 11)
        await workshop.has(one_qari=3, two_qari=2)
        tasks.cancel_scope.cancel()

"""Text reaches listeners of every replica while it is generated, whole and in order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import pytest

from ocr_api.api.services import Services
from ocr_api.jobs import Claim
from ocr_api.store import Announcements, TextSoFar, connect, connect_listener
from ocr_api.worker.text_publisher import TextPublisher
from tests.api.conftest import open_client
from tests.api.test_jobs import claim_next, finish

pytestmark = pytest.mark.anyio


@dataclass
class Heard:
    """What one listener was sent."""

    events: list[tuple[str, dict[str, Any]]]

    @property
    def texts(self) -> list[dict[str, Any]]:
        """Data of its text events."""
        return [data for name, data in self.events if name == "text"]

    @property
    def whole(self) -> str:
        """The text of page 1 as the listener puts it together."""
        text = ""
        for data in self.texts:
            assert data["offset"] in {0, len(text)}
            text = data["text"] if data["offset"] == 0 else text + data["text"]
        return text


@asynccontextmanager
async def replica(services: Services, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Another process of the API, but for the process."""
    async with (
        connect_listener(url) as listener,
        open_client(services, announcements=Announcements(listener)) as client,
    ):
        yield client


async def listeners_are(url: str, job_id: str, count: int) -> None:
    """Waits until so many replicas listen to a job's text."""
    async with connect(url) as redis:
        with anyio.fail_after(10):
            while (await redis.pubsub_numsub("{ocr}:news:text:" + job_id))[0][1] != count:
                await anyio.sleep(0.01)


async def listen(client: httpx.AsyncClient, job_id: str, heard: list[Heard]) -> None:
    answer = await client.get(f"/ocr/{job_id}/events")
    blocks = [block.splitlines() for block in answer.text.split("\n\n")]
    found = [dict(line.split(": ", 1) for line in lines if ": " in line) for lines in blocks]
    assert all("id" not in event for event in found if event.get("event") == "text")
    told = [(event["event"], json.loads(event["data"])) for event in found if "event" in event]
    heard.append(Heard(told))


def message(claim: Claim, text: str, start: int = 1) -> TextSoFar:
    return TextSoFar(claim.job.id, claim.page_number, claim.attempt, start, text)


async def test_all_listeners_of_two_replicas_get_the_whole_text(
    services: Services, server_url: str, submitted: str
) -> None:
    claim = await claim_next(services)
    publisher, heard = TextPublisher(services.store), list[Heard]()
    async with (
        replica(services, server_url) as one,
        replica(services, server_url) as two,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(publisher.run)
        async with anyio.create_task_group() as listening:
            for client in (one, one, two):
                listening.start_soon(listen, client, submitted, heard)
            await listeners_are(server_url, submitted, 2)
            with publisher.telling(claim) as text:
                text.restart()
                for number in range(40):
                    text.add(f"word{number} ")
                    await anyio.sleep(0.02)
                await publisher.tell(text)
            await finish(services, claim)
        tasks.cancel_scope.cancel()
    written = "".join(f"word{number} " for number in range(40))
    assert [found.whole for found in heard] == [written] * 3
    for found in heard:
        assert 2 < len(found.texts) <= 10  # coalesced
        assert [name for name, _ in found.events][-2:] == ["page", "status"]


async def test_late_listener_begins_with_all_that_was_written(
    services: Services, server_url: str, submitted: str
) -> None:
    claim, heard = await claim_next(services), list[Heard]()
    async with replica(services, server_url) as one, anyio.create_task_group() as tasks:
        await services.store.tell_texts([message(claim, "nobody hears this")])
        tasks.start_soon(listen, one, submitted, heard)
        await listeners_are(server_url, submitted, 1)
        await services.store.tell_texts([message(claim, "nobody hears this, and this they do")])
        await finish(services, claim)
    assert [data["text"] for data in heard[0].texts] == ["nobody hears this, and this they do"]


async def test_text_of_a_page_that_is_read_anew_begins_anew(
    services: Services, server_url: str, submitted: str
) -> None:
    claim, heard = await claim_next(services), list[Heard]()
    async with replica(services, server_url) as one, anyio.create_task_group() as tasks:
        tasks.start_soon(listen, one, submitted, heard)
        await listeners_are(server_url, submitted, 1)
        for text in (message(claim, "first try"), message(claim, "second", start=2)):
            await services.store.tell_texts([text])
            await anyio.sleep(0.2)
        await finish(services, claim)
    assert [(data["offset"], data["text"]) for data in heard[0].texts] == [
        (0, "first try"),
        (0, "second"),
    ]


async def test_nothing_is_left_behind_by_listeners(
    services: Services, server_url: str, submitted: str, stored_files: Callable[[], list[str]]
) -> None:
    claim, heard = await claim_next(services), list[Heard]()
    async with connect(server_url) as redis:
        before = await redis.dbsize()
        async with replica(services, server_url) as one, anyio.create_task_group() as tasks:
            tasks.start_soon(listen, one, submitted, heard)
            await listeners_are(server_url, submitted, 1)
            await services.store.tell_texts([message(claim, "some text")])
            assert await redis.dbsize() == before
            await finish(services, claim)
            await listeners_are(server_url, submitted, 0)
    assert len(stored_files()) == 2  # the upload and the result

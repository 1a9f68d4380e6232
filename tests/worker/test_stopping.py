"""A child that is told to stop does so between two words and serves the next request."""

from __future__ import annotations

import os

import anyio
import pytest

from ocr_api.messages import (
    ImageHeader,
    Message,
    PagesRead,
    ReadPages,
    StopReading,
    TextRead,
)
from ocr_api.pages import PageTraits
from ocr_api.worker.child_process import ChildProcess
from tests.worker.conftest import HEIGHT_PX, WIDTH_PX, pixels_file, read_request

pytestmark = pytest.mark.anyio

WORDS = " ".join(f"word{number}" for number in range(400))


def read_many(pages: int, **options: object) -> ReadPages:
    """Asks for several pages."""
    image = ImageHeader(WIDTH_PX, HEIGHT_PX, "L")
    return ReadPages((image,) * pages, (PageTraits(),) * pages, engine_options=options)


async def ask_and_stop(child: ChildProcess, request: ReadPages, *stops: int) -> PagesRead:
    """Reads, and stops these pages as soon as any text has come."""
    pixels = [pixels_file() for _ in request.images]
    begun = anyio.Event()
    answers: list[Message] = []

    async def ask() -> None:
        answer, files = await child.request(
            request, pixels, timeout_s=30, on_text=lambda _: begun.set()
        )
        files.close()
        answers.append(answer)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await begun.wait()
        await child.tell(StopReading(stops))
    for descriptor in pixels:
        os.close(descriptor)
    (answer,) = answers
    assert isinstance(answer, PagesRead)
    return answer


async def test_stopped_page_ends_with_what_was_written_and_the_child_lives(
    child: ChildProcess,
) -> None:
    with anyio.fail_after(10):
        read = await ask_and_stop(child, read_many(1, text=WORDS, token_delay_s=0.05), 0)
    (text,) = read.texts
    assert text.flags == ("stopped",)
    assert WORDS.startswith(text.raw_text or "nothing")
    assert len(text.text) < len(WORDS)
    again = await ask_and_stop(child, read_many(1, text="one two", token_delay_s=0.01))
    assert again.texts[0].text == "one two"


async def test_other_pages_of_the_batch_are_read_to_the_end(child: ChildProcess) -> None:
    words = " ".join("abcdefghijklmnopqrstuvwxyz")
    read = await ask_and_stop(child, read_many(3, text=words, token_delay_s=0.02), 1)
    assert [text.flags for text in read.texts] == [(), ("stopped",), ()]
    assert read.texts[0].text == read.texts[2].text == words
    assert len(read.texts[1].text) < len(words)


async def test_order_to_stop_that_comes_late_stops_nothing(child: ChildProcess) -> None:
    await child.tell(StopReading((0,)))
    pixels = pixels_file()
    answer, files = await child.request(
        read_request(text="all of it", token_delay_s=0.01), [pixels], timeout_s=30
    )
    os.close(pixels)
    files.close()
    assert isinstance(answer, PagesRead)
    assert (answer.texts[0].text, answer.texts[0].flags) == ("all of it", ())


async def test_child_tells_that_it_heard_the_order(child: ChildProcess) -> None:
    told: list[TextRead] = []
    pixels = [pixels_file(), pixels_file()]
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            request = read_many(2, text=WORDS, token_delay_s=0.05)
            await child.request(request, pixels, timeout_s=30, on_text=told.append)

        tasks.start_soon(ask)
        while not told:
            await anyio.sleep(0.01)
        await child.tell(StopReading((0, 1)))
    for descriptor in pixels:
        os.close(descriptor)
    assert [read.index for read in told if not read.text] == [0, 1]

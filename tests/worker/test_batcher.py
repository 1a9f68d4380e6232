"""Pages that wait together are read together, and none suffers by another."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from ocr_api.errors import (
    ChildDiedError,
    EngineError,
    EngineMemoryError,
    ModelLoadError,
    OcrApiError,
    PageTimeoutError,
)
from ocr_api.messages import Failed, ImageHeader
from ocr_api.pages import PageText, PageTraits
from ocr_api.worker.batcher import Batcher, BatchPlan
from ocr_api.worker.child_pool import ChildPool
from ocr_api.worker.child_process import ChildProcess
from ocr_api.worker.page_ticket import PageOrder
from tests.worker.conftest import MODEL_CHILD, load_request

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]

BAD_WIDTH_PX = 9
GRACE_S = 1.5
MakeBatcher = Callable[..., Batcher]


@dataclass
class Sink:
    """What a listener would have seen."""

    starts: list[list[str]] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.starts[-1].append(text)

    def restart(self) -> None:
        self.starts.append([])


@pytest.fixture
async def make_batcher() -> AsyncIterator[MakeBatcher]:
    """Makes batchers of the scripted engine; their children end with the test."""
    pools: list[ChildPool] = []
    async with anyio.create_task_group() as tasks:

        def make(pages: int = 4, instances: int = 1, **settings: object) -> Batcher:
            async def prepare(child: ChildProcess) -> None:
                answer, _ = await child.request(load_request(settings), timeout_s=30)
                if isinstance(answer, Failed):
                    raise answer.to_error()

            pool = ChildPool(MODEL_CHILD, size=instances, prepare=prepare)
            pools.append(pool)
            plan = BatchPlan(pages, instances, GRACE_S, keeps_loading=True)
            return Batcher(pool, plan, tasks)

        yield make
        tasks.cancel_scope.cancel()
    for pool in pools:
        await pool.close()


async def read(batcher: Batcher, width_px: int = 8, left_s: float = 60, **changes: Any) -> PageText:
    """Has a page that is not blank read."""
    descriptor = os.memfd_create("page")
    os.write(descriptor, bytes(width_px * 4))
    image = ImageHeader(width_px, 4, "L")
    try:
        return await batcher.read(
            PageOrder(image, descriptor, PageTraits(), left_s=left_s, **changes)
        )
    finally:
        os.close(descriptor)


async def outcomes(*reading: Coroutine[Any, Any, PageText]) -> list[PageText | OcrApiError]:
    """Reads several pages at the same time; an error takes the place of a text."""
    found: dict[int, PageText | OcrApiError] = {}

    async def one(index: int, page: Coroutine[Any, Any, PageText]) -> None:
        try:
            found[index] = await page
        except OcrApiError as exc:
            found[index] = exc

    async with anyio.create_task_group() as tasks:
        for index, page in enumerate(reading):
            tasks.start_soon(one, index, page)
    return [found[index] for index in range(len(reading))]


def texts(found: list[PageText | OcrApiError]) -> list[str]:
    """The texts; fails where there is an error."""
    return [page.text if isinstance(page, PageText) else repr(page) for page in found]


async def test_pages_that_wait_together_are_read_together(make_batcher: MakeBatcher) -> None:
    batcher = make_batcher(pages=4, text="{batch}", token_delay_s=0.01)
    found = await outcomes(*(read(batcher) for _ in range(10)))
    assert sorted(texts(found)) == ["2", "2", *["4"] * 8]


async def test_pages_with_other_wishes_are_not_read_together(make_batcher: MakeBatcher) -> None:
    batcher = make_batcher(text="{batch} {prompt_mode} {prompt}", token_delay_s=0.01)
    found = await outcomes(
        read(batcher, prompt_mode="text"),
        read(batcher, prompt_mode="layout"),
        read(batcher, prompt_mode="text"),
        read(batcher, prompt="Only names."),
        read(batcher, attempt=2),
        read(batcher, attempt=2),
    )
    assert texts(found) == [
        "2 text None",
        "1 layout None",
        "2 text None",
        "1 None Only names.",
        "1 None None",  # one that failed before is read alone
        "1 None None",
    ]


async def test_batch_of_one_is_never_more(make_batcher: MakeBatcher) -> None:
    batcher = make_batcher(pages=1, instances=2, text="{batch}", delay_s=0.05)
    assert texts(await outcomes(*(read(batcher) for _ in range(5)))) == ["1"] * 5
    assert len(batcher.pool.children) <= 2


async def test_cancelled_page_ends_and_its_mates_go_on(make_batcher: MakeBatcher) -> None:
    words = " ".join(["{pid}"] * 30)
    batcher = make_batcher(text=words, token_delay_s=0.05)
    scope = anyio.CancelScope()

    async def cancelled() -> PageText:
        with scope:
            return await read(batcher)
        return PageText(1, 1)

    async def cancel_soon() -> PageText:
        while not batcher.pool.children:
            await anyio.sleep(0.01)
        await anyio.sleep(0.5)
        scope.cancel()
        return PageText(1, 1)

    first, second, *_ = await outcomes(read(batcher), read(batcher), cancelled(), cancel_soon())
    assert isinstance(first, PageText)
    assert isinstance(second, PageText)
    assert len(first.text.split()) == len(second.text.split()) == 30
    after = await read(batcher)
    assert after.text.split()[0] == first.text.split()[0]  # the same process


async def test_page_that_is_late_is_ended_and_the_child_lives(make_batcher: MakeBatcher) -> None:
    batcher = make_batcher(text=" ".join(["{pid}"] * 60), token_delay_s=0.05)
    late, other = await outcomes(read(batcher, left_s=0.5), read(batcher))
    assert isinstance(late, PageTimeoutError)
    assert isinstance(other, PageText)
    assert other.flags == ()
    assert int(other.text.split()[0]) in {child.pid for child in batcher.pool.children}


async def test_child_that_does_not_heed_is_killed_within_two_seconds(
    make_batcher: MakeBatcher,
) -> None:
    batcher = make_batcher(fail="hang", fail_width_px=BAD_WIDTH_PX, text="{pid}")
    before = (await read(batcher)).text
    started_at = anyio.current_time()
    (late,) = await outcomes(read(batcher, BAD_WIDTH_PX, left_s=0.3))
    assert isinstance(late, PageTimeoutError)
    assert anyio.current_time() - started_at < 0.3 + GRACE_S + 1
    assert (await read(batcher)).text != before


async def test_page_that_kills_the_child_harms_no_other(make_batcher: MakeBatcher) -> None:
    batcher = make_batcher(
        fail="crash", fail_width_px=BAD_WIDTH_PX, text="{batch}", token_delay_s=0.01
    )
    found = await outcomes(read(batcher), read(batcher, BAD_WIDTH_PX), read(batcher))
    assert isinstance(found[1], ChildDiedError)
    assert texts([found[0], found[2]]) == ["1", "1"]


async def test_page_that_the_engine_refuses_harms_no_other(make_batcher: MakeBatcher) -> None:
    batcher = make_batcher(
        fail="error", fail_width_px=BAD_WIDTH_PX, text="{pid}", token_delay_s=0.01
    )
    found = await outcomes(read(batcher), read(batcher, BAD_WIDTH_PX), read(batcher))
    assert isinstance(found[1], EngineError)
    (pid,) = {child.pid for child in batcher.pool.children}
    assert texts([found[0], found[2]]) == [str(pid)] * 2


async def test_pages_are_read_anew_where_their_mate_was_stuck(make_batcher: MakeBatcher) -> None:
    batcher = make_batcher(
        fail="hang", fail_width_px=BAD_WIDTH_PX, text="{batch}", token_delay_s=0.01
    )
    found = await outcomes(read(batcher), read(batcher, BAD_WIDTH_PX, left_s=0.3), read(batcher))
    assert isinstance(found[1], PageTimeoutError)
    assert texts([found[0], found[2]]) == ["2", "2"]


async def test_only_the_page_that_is_stuck_alone_is_late(make_batcher: MakeBatcher) -> None:
    batcher = make_batcher(
        fail="hang", fail_width_px=BAD_WIDTH_PX, text="{batch}", token_delay_s=0.01
    )
    found = await outcomes(
        read(batcher, left_s=0.5),
        read(batcher, BAD_WIDTH_PX, left_s=0.4),
        read(batcher, left_s=0.5),
    )
    assert isinstance(found[1], PageTimeoutError)
    assert texts([found[0], found[2]]) == ["1", "1"]


async def test_batch_that_needs_too_much_memory_is_halved(make_batcher: MakeBatcher) -> None:
    batcher = make_batcher(pages=8, most_pages=2, text="{batch}", token_delay_s=0.01)
    assert texts(await outcomes(*(read(batcher) for _ in range(8)))) == ["2"] * 8


async def test_page_that_needs_too_much_memory_alone_fails(make_batcher: MakeBatcher) -> None:
    batcher = make_batcher(most_pages=0)
    found = await outcomes(read(batcher), read(batcher))
    assert [type(page) for page in found] == [EngineMemoryError] * 2


async def test_model_that_cannot_be_loaded_fails_the_pages_that_wait(
    make_batcher: MakeBatcher,
) -> None:
    batcher = make_batcher(fail_load=True)
    found = await outcomes(read(batcher), read(batcher))
    assert [type(page) for page in found] == [ModelLoadError] * 2


async def test_text_is_told_as_it_is_written_and_anew_after_a_crash(
    make_batcher: MakeBatcher,
) -> None:
    batcher = make_batcher(
        fail="crash", fail_width_px=BAD_WIDTH_PX, text="a b\nc", token_delay_s=0.01
    )
    sink = Sink()
    found = await outcomes(read(batcher, sink=sink), read(batcher, BAD_WIDTH_PX))
    assert isinstance(found[0], PageText)
    assert sink.starts[0] == []
    assert sink.starts[1] == ["a", " b", "\nc"]
    assert "".join(sink.starts[1]) == found[0].raw_text


async def test_no_descriptor_is_left_open(make_batcher: MakeBatcher) -> None:
    batcher = make_batcher(token_delay_s=0.01)
    await read(batcher)
    before = len(os.listdir("/proc/self/fd"))
    await outcomes(*(read(batcher) for _ in range(8)))
    assert len(os.listdir("/proc/self/fd")) == before

"""A child answers, fails, hangs and dies; its parent always knows."""

from __future__ import annotations

import os
import signal

import anyio
import pytest

from ocr_api.errors import ChildDiedError, EngineMemoryError
from ocr_api.messages import Failed, LoadModel, Message, PagesRead, ReadPages, TextRead
from ocr_api.worker.child_pool import ChildPool
from ocr_api.worker.child_process import ChildCommand, ChildProcess
from tests.worker.conftest import MODEL_CHILD, pixels_file, read_request

pytestmark = pytest.mark.anyio


async def ask(child: ChildProcess, request: ReadPages, timeout_s: float = 30) -> Message:
    pixels = pixels_file()
    try:
        answer, files = await child.request(request, [pixels], timeout_s=timeout_s)
    finally:
        os.close(pixels)
    files.close()
    return answer


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_page_passed_as_a_memory_file_is_read(child: ChildProcess) -> None:
    answer = await ask(child, read_request(text="one\ntwo"))
    assert isinstance(answer, PagesRead)
    assert [line.text for line in answer.texts[0].lines] == ["one", "two"]


async def test_text_is_told_before_the_answer(child: ChildProcess) -> None:
    told: list[TextRead] = []
    pixels = pixels_file()
    await child.request(read_request(text="hello"), [pixels], timeout_s=30, on_text=told.append)
    os.close(pixels)
    assert told == [TextRead(0, "hello")]


async def test_error_of_the_engine_is_an_answer_and_the_child_goes_on(child: ChildProcess) -> None:
    failed = await ask(child, read_request(fail="memory"))
    assert isinstance(failed, Failed)
    assert isinstance(failed.to_error(), EngineMemoryError)
    assert isinstance(await ask(child, read_request()), PagesRead)


async def test_child_that_dies_on_a_page_is_told_with_its_signal(child: ChildProcess) -> None:
    with pytest.raises(ChildDiedError, match="killed by signal 9"):
        await ask(child, read_request(fail="crash"))
    assert not child.is_running


async def test_child_that_hangs_is_killed_at_the_deadline(child: ChildProcess) -> None:
    with pytest.raises(TimeoutError):
        await ask(child, read_request(fail="hang"), timeout_s=0.3)
    assert not is_alive(child.pid)


async def test_cancelled_request_kills_the_child(child: ChildProcess) -> None:
    with anyio.move_on_after(0.3):
        await ask(child, read_request(fail="hang"))
    assert not is_alive(child.pid)


async def test_stopped_child_is_killed_at_the_deadline_too(child: ChildProcess) -> None:
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        await ask(child, read_request(), timeout_s=0.3)
    assert not is_alive(child.pid)


async def test_child_that_cannot_start_is_told() -> None:
    with pytest.raises(ChildDiedError, match="exit status 1"):
        await ChildProcess.start(ChildCommand("ocr_api.child.no_such_module"))


async def test_child_inherits_no_environment() -> None:
    os.environ["A_SECRET"] = "do not pass on"
    child = await ChildProcess.start(MODEL_CHILD)
    try:
        environment = await anyio.Path(f"/proc/{child.pid}/environ").read_bytes()
    finally:
        await child.kill()
        del os.environ["A_SECRET"]
    assert b"A_SECRET" not in environment


async def test_no_descriptor_is_left_open_after_many_requests(child: ChildProcess) -> None:
    await ask(child, read_request())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        await ask(child, read_request())
    assert len(os.listdir("/proc/self/fd")) == before


async def test_pool_lends_a_child_again_and_again(pool: ChildPool) -> None:
    async with pool.borrow() as first:
        pass
    async with pool.borrow() as second:
        assert second is first


async def test_pool_replaces_a_dead_child(pool: ChildPool) -> None:
    async with pool.borrow() as first:
        with pytest.raises(ChildDiedError):
            await ask(first, read_request(fail="crash"))
    async with pool.borrow() as second:
        assert second.pid != first.pid
        assert isinstance(await ask(second, read_request()), PagesRead)


async def test_pool_replaces_a_child_that_died_idle(pool: ChildPool) -> None:
    async with pool.borrow() as first:
        pass
    os.kill(first.pid, signal.SIGKILL)
    with anyio.fail_after(10):
        while first.is_running:
            await anyio.sleep(0.01)
    async with pool.borrow() as second:
        assert isinstance(await ask(second, read_request()), PagesRead)


async def test_pool_starts_no_more_than_its_size(pool: ChildPool) -> None:
    async def use() -> None:
        async with pool.borrow() as child:
            await ask(child, read_request(delay_s=0.1))

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(use)
    assert len(pool.children) == 2


async def test_pool_recycles_a_child_after_its_requests() -> None:
    pool = ChildPool(MODEL_CHILD, size=1, max_requests=1)
    async with pool.borrow() as child:
        _, files = await child.request(
            LoadModel("ocr_api.engines.scripted:ScriptedEngine"), timeout_s=30
        )
        files.close()
    assert not is_alive(child.pid)
    await pool.close()


async def test_closed_pool_leaves_no_process(pool: ChildPool) -> None:
    async with pool.borrow() as child:
        pass
    await pool.close()
    assert not is_alive(child.pid)
    assert pool.children == ()


async def test_pool_prefers_the_child_that_knows_the_subject(pool: ChildPool) -> None:
    borrowed: dict[str, ChildProcess] = {}

    async def work_on(subject: str) -> None:
        async with pool.borrow(subject) as child:
            borrowed[subject] = child
            while len(borrowed) < 2:
                await anyio.sleep(0.01)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work_on, "one")
        tasks.start_soon(work_on, "two")
    first, second = borrowed["one"], borrowed["two"]
    assert first is not second
    for _ in range(2):
        async with pool.borrow("one") as child:
            assert child is first
        async with pool.borrow("two") as child:
            assert child is second


async def test_process_that_cannot_be_started_is_a_dead_child() -> None:
    too_long = ChildCommand("ocr_api.child.model_process", arguments=("x" * 4_000_000,))
    with pytest.raises(ChildDiedError, match="could not be started: Argument list too long"):
        await ChildProcess.start(too_long)

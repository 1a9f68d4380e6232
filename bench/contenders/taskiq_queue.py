"""taskiq-redis: streams, acknowledged once the result is kept; in an environment of its own."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq.receiver import Receiver
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from bench.contenders.timing import RESULT, Load, Took, main, submit_all


class Counting(TaskiqMiddleware):  # type: ignore[misc] # not installed where types are checked
    """Tells when so many results are kept."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.all_kept = asyncio.Event()
        self._left = expected

    async def post_save(self, _message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Counts."""
        if result.is_err:
            raise RuntimeError(result.error)
        self._left -= 1
        if self._left == 0:
            self.all_kept.set()


async def measure(load: Load) -> Took:
    """Submits, then works everything off."""
    kept: RedisAsyncResultBackend[Any] = RedisAsyncResultBackend(load.url, result_ex_time=3600)
    counting = Counting(load.jobs * load.pages)
    broker = RedisStreamBroker(load.url, consumer_id="0").with_result_backend(kept)
    broker.add_middlewares(counting)

    @broker.task  # type: ignore[untyped-decorator]
    async def read_page(_job: int, _page: int) -> object:
        return RESULT

    await broker.startup()

    async def submit(number: int) -> None:
        for page in range(load.pages):
            await read_page.kiq(number, page)

    submit_s = await submit_all(load.jobs, load.concurrency, submit)
    broker.is_worker_process = True
    finish = asyncio.Event()
    with ThreadPoolExecutor(1) as executor:
        receiver = Receiver(
            broker,
            executor,
            run_startup=False,
            max_async_tasks=load.concurrency,
            max_prefetch=load.concurrency,
        )
        started_at = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            group.create_task(receiver.listen(finish))
            await counting.all_kept.wait()
            work_s = time.perf_counter() - started_at
            finish.set()
    await broker.shutdown()
    return Took(submit_s, work_s)


if __name__ == "__main__":
    main(measure)

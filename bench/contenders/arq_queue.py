"""arq: one task a page, its result kept in the server; runs in an environment of its own."""

from __future__ import annotations

import time

from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker, func

from bench.contenders.timing import RESULT, Load, Took, main, submit_all

_POLL_S = 0.01
"""Its own default (0.5 s, at most 100 tasks each time) would be what is measured."""


async def read_page(_context: object, _job: int, _page: int) -> object:
    """Reads nothing."""
    return RESULT


async def measure(load: Load) -> Took:
    """Submits, then works everything off."""
    settings = RedisSettings(unix_socket_path=load.url.removeprefix("unix://"))
    pool = await create_pool(settings)

    async def submit(number: int) -> None:
        for page in range(load.pages):
            await pool.enqueue_job("read_page", number, page)

    submit_s = await submit_all(load.jobs, load.concurrency, submit)
    worker = Worker(
        functions=[func(read_page, keep_result=3600)],
        redis_settings=settings,
        burst=True,
        max_jobs=load.concurrency,
        poll_delay=_POLL_S,
        handle_signals=False,
    )
    started_at = time.perf_counter()
    await worker.async_run()
    work_s = time.perf_counter() - started_at
    if worker.jobs_complete != load.jobs * load.pages:
        raise RuntimeError(worker.jobs_complete)
    await worker.close()
    await pool.aclose()
    return Took(submit_s, work_s)


if __name__ == "__main__":
    main(measure)

"""FastAPI and arq, as one writes it, in an environment of its own; as a program arq's worker."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from arq import ArqRedis, create_pool
from arq.connections import RedisSettings
from arq.jobs import Job
from arq.worker import func, run_worker
from fastapi import FastAPI, UploadFile

from bench.contenders import uploads

_POLL_S = 0.01
"""Its own default (0.5 s) would be what is measured."""


async def read_page(_context: object, path: str) -> dict[str, str]:
    """Reads nothing."""
    return uploads.read_page(path)


def make_app() -> FastAPI:
    """The service."""
    pools: list[ArqRedis] = []

    @asynccontextmanager
    async def started(_app: FastAPI) -> AsyncIterator[None]:
        pools.append(await create_pool(_server()))
        yield
        await pools[0].aclose()

    app = FastAPI(lifespan=started)

    @app.post("/ocr", status_code=202)
    async def submit(file: UploadFile) -> dict[str, str]:
        job = await pools[0].enqueue_job(
            "read_page", await uploads.keep_in_thread(await file.read())
        )
        return {"job_id": job.job_id}

    @app.get("/ocr/{job_id}")
    async def tell(job_id: str, wait: int = 0) -> dict[str, object]:
        job = Job(job_id, pools[0])
        if not wait:
            found = await job.result_info()
            return uploads.told(found and found.result)
        try:
            return uploads.told(await job.result(wait, poll_delay=uploads.WAIT_STEP_S))
        except TimeoutError:
            return uploads.told(None)

    return app


def main() -> None:
    """Works jobs off until it is ended."""
    run_worker(
        {"functions": [func(read_page, keep_result=uploads.KEPT_S)]},
        redis_settings=_server(),
        max_jobs=16,
        poll_delay=_POLL_S,
    )


def _server() -> RedisSettings:
    return RedisSettings(unix_socket_path=os.environ[uploads.QUEUE_URL].removeprefix("unix://"))


if __name__ == "__main__":
    main()

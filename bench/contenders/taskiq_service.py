"""FastAPI and taskiq-redis, as one writes it; runs in an environment of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, UploadFile
from taskiq import AsyncTaskiqTask, TaskiqResultTimeoutError
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from bench.contenders import uploads

_TASK = "read_page"


def make_broker() -> RedisStreamBroker:
    """The queue with its one task; taskiq's command line starts workers of it."""
    url = os.environ[uploads.QUEUE_URL]
    kept: RedisAsyncResultBackend[Any] = RedisAsyncResultBackend(url, result_ex_time=uploads.KEPT_S)
    broker = RedisStreamBroker(url).with_result_backend(kept)

    @broker.task(task_name=_TASK)  # type: ignore[untyped-decorator]
    async def read_page(path: str) -> dict[str, str]:
        return uploads.read_page(path)

    return broker


def make_app() -> FastAPI:
    """The service."""
    broker = make_broker()
    task = broker.find_task(_TASK)

    @asynccontextmanager
    async def started(_app: FastAPI) -> AsyncIterator[None]:
        await broker.startup()
        yield
        await broker.shutdown()

    app = FastAPI(lifespan=started)

    @app.post("/ocr", status_code=202)
    async def submit(file: UploadFile) -> dict[str, str]:
        queued = await task.kiq(await uploads.keep_in_thread(await file.read()))
        return {"job_id": queued.task_id}

    @app.get("/ocr/{job_id}")
    async def tell(job_id: str, wait: int = 0) -> dict[str, object]:
        queued: AsyncTaskiqTask[Any] = AsyncTaskiqTask(job_id, broker.result_backend)
        if not wait and not await queued.is_ready():
            return uploads.told(None)
        try:
            result = await queued.wait_result(uploads.WAIT_STEP_S, wait or 1)
        except TaskiqResultTimeoutError:
            return uploads.told(None)
        return uploads.told(result.return_value)

    return app

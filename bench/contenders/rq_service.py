"""FastAPI and RQ, as one writes it; runs in an environment of its own."""

from __future__ import annotations

import os

from fastapi import FastAPI, UploadFile
from redis import Redis
from rq import Queue
from rq.job import Job

from bench.contenders.uploads import KEPT_S, QUEUE_URL, keep, read_page, told


def make_app() -> FastAPI:
    """The service; its workers are those of RQ's command line."""
    connection = Redis.from_url(os.environ[QUEUE_URL])
    queue = Queue(connection=connection)
    app = FastAPI()

    @app.post("/ocr", status_code=202)
    def submit(file: UploadFile) -> dict[str, str]:
        path = keep(file.file.read())
        return {"job_id": queue.enqueue(read_page, path, result_ttl=KEPT_S).id}

    @app.get("/ocr/{job_id}")
    def tell(job_id: str, wait: int = 0) -> dict[str, object]:
        result = Job.fetch(job_id, connection=connection).latest_result(timeout=wait)
        return told(result and result.return_value)

    return app

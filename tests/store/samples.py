"""Jobs and problems for the store's tests."""

from __future__ import annotations

from ocr_api.jobs import Claim, Job, MediaType, Problem
from ocr_api.store import JobStore, upload_key

PROBLEM = Problem("engine_failed", "The engine raised an error.", retryable=True, page=1)


def make_job(job_id: str = "job-1", model: str = "auto") -> Job:
    return Job(
        id=job_id,
        model=model,
        requested_model="qari",
        media_type=MediaType.PNG,
        size_bytes=3,
        upload_key=upload_key(job_id),
    )


async def must_claim(store: JobStore, *models: str, worker: str = "worker") -> Claim:
    claim = await store.claim(worker, models or ("auto",))
    assert claim is not None
    return claim

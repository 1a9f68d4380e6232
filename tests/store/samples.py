"""Jobs and problems for the store's tests."""

from __future__ import annotations

from ocr_api.jobs import Claim, Job, MediaType, PageRanges, Priority, Problem
from ocr_api.store import JobStore, upload_key

PROBLEM = Problem("engine_failed", "The engine raised an error.", retryable=True, page=1)


FILES_FAULT = Problem("document_damaged", "The PNG ends early.", page=1)


def make_job(
    job_id: str = "job-1", model: str = "auto", priority: Priority = Priority.NORMAL
) -> Job:
    return Job(
        id=job_id,
        model=model,
        requested_model="qari",
        media_type=MediaType.PNG,
        size_bytes=3,
        upload_key=upload_key(job_id),
        priority=priority,
    )


async def must_claim(
    store: JobStore, *models: str, worker: str = "worker", pages_total: int = 1
) -> Claim:
    """Claims a page: a document that is still to be opened is opened, with so many pages."""
    claim = await store.claim(worker, models or ("auto",))
    assert claim is not None
    return await must_open(store, claim, pages_total) if claim.is_opening else claim


async def must_open(store: JobStore, claim: Claim, pages_total: int = 1) -> Claim:
    """Opens a document; gives the claim of its first page."""
    pages = PageRanges.of([(1, pages_total)])
    following = await store.open(claim, pages_total=pages_total, pages=pages)
    assert following is not None
    return following

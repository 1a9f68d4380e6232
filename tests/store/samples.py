"""Jobs and problems for the store's tests."""

from __future__ import annotations

from redis.asyncio import Redis

from ocr_api.jobs import Claim, Job, MediaType, Priority, Problem
from ocr_api.jobs.fairness import CLASS_BASES, following_rank
from ocr_api.store import JobStore, keys, upload_key
from ocr_api.store.records import decode_fields

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


async def make_long(redis: Redis, job_id: str, pages: int, model: str = "auto") -> None:
    """Gives a job that was created just now further pages, as opening a document does."""
    fields = decode_fields(await redis.hgetall(keys.job_key(job_id)))
    priority, last = fields["priority"], int(fields["last_rank"])
    base = CLASS_BASES[Priority(priority)]
    clock = int(await redis.hget(keys.FAIR, f"clock:{priority}") or 0)
    pipeline = redis.pipeline()
    for number in range(2, pages + 1):
        last = following_rank(clock, last)
        pipeline.hset(keys.page_key(job_id, number), "status", "ready")
        for name, value in (
            ("model", model),
            ("attempt", 0),
            ("charged", 0),
            ("rank", base + last),
        ):
            pipeline.hset(keys.page_key(job_id, number), name, str(value))
        pipeline.zadd(keys.READY + model, {f"{job_id}:{number}": base + last})
    pipeline.hset(keys.job_key(job_id), mapping={"tasks": pages, "last_rank": last})
    await pipeline.execute()


async def must_claim(store: JobStore, *models: str, worker: str = "worker") -> Claim:
    claim = await store.claim(worker, models or ("auto",))
    assert claim is not None
    return claim

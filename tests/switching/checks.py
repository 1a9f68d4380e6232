"""Holds what a run left against what was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ocr_api.jobs import Job
from ocr_api.store import Blobs, JobStore, StoreLimits, connect, open_blobs
from tests.switching.callers import Taken
from tests.switching.ground import Ground

_LISTED_AT_ONCE = 100


async def check(
    ground: Ground, taken: Sequence[Taken], learned: Mapping[str, str]
) -> tuple[list[str], Counter[str]]:
    """Gives what is wrong, in sentences, and counts.

    Args:
        ground: The service that has read them.
        taken: The jobs.
        learned: What the CPU engine says on its pages.
    """
    wrong = [
        f"job {one.plan.number} ({one.job_id}) {what}"
        for one in taken
        for what in _ill_read(one, learned)
    ]
    counts: Counter[str] = Counter(f"read by {one.job.get('model')}" for one in taken)
    counts["took the current model"] = sum(one.plan.model is None for one in taken)
    counts["text held against the model's own"] = sum(
        _expected(one, learned) is not None for one in taken
    )
    async with connect(ground.store_url) as redis:
        store = JobStore(redis, StoreLimits())
        jobs = await _accepted(store)
        wrong += _ill_counted(taken, jobs)
        ours = {one.job_id for one in taken}
        wrong += out_of_order([job for job in jobs if job.id in ours])
        wrong += await _ill_kept(store, await open_blobs(ground.blobs_dir), jobs, counts)
    return wrong, counts


def out_of_order(jobs: Sequence[Job]) -> list[str]:
    """Gives the jobs that were started before an earlier one of their key, model and priority.

    What counts as a start is the first claim of a job, by the store's own clock, in which claims
    happen one after the other however many workers there are. A page that was claimed and went
    back, because its model began to leave at that moment, keeps its place in the queue.

    Args:
        jobs: In the order in which the store accepted them.
    """
    latest: dict[tuple[str, str, str], Job] = {}
    wrong: list[str] = []
    for job in jobs:
        lane = (job.owner, job.model, job.priority)
        before = latest.get(lane)
        if before is not None and (job.started_at or 0) < (before.started_at or 0):
            wrong.append(f"job {job.id} of {lane} was started before {before.id}, which came first")
        else:
            latest[lane] = job
    return wrong


def _expected(one: Taken, learned: Mapping[str, str]) -> str | None:
    """Gives the text that only the job's model gives; None = the page is of another model."""
    model = str(one.job.get("model"))
    if one.page.texts:
        return one.page.texts.get(model)
    return learned[one.page.name] if model == "tesseract" else None


def _ill_read(one: Taken, learned: Mapping[str, str]) -> Iterator[str]:
    job = one.job
    if job.get("status") != "completed" or job.get("partial"):
        yield f"is {job.get('status', 'not ended')}: {job.get('error')}"
        return
    if job["model"] not in one.able:
        yield f"was given {job['model']}, not {' or '.join(sorted(one.able))}"
    readers = [page["model"] for page in job["result"]["metadata"]["pages"]]
    if readers != [job["model"]]:
        yield f"is of {job['model']} and was read by {readers}"
    expected, text = _expected(one, learned), job["result"]["text"]
    if expected is not None and text != expected:
        yield f"says {text!r} on {one.page.name}, not {expected!r} as {job['model']} does"
    if job["attempts"] != 1:
        yield f"took {job['attempts']} attempts"


async def _accepted(store: JobStore) -> list[Job]:
    """Gives all jobs in the order in which they were accepted."""
    listed: list[Job] = []
    cursor: str | None = None
    while True:
        found = await store.list_jobs(limit=_LISTED_AT_ONCE, cursor=cursor)
        listed += found.jobs
        cursor = found.next_cursor
        if cursor is None:
            return listed[::-1]


def _ill_counted(taken: Sequence[Taken], jobs: Sequence[Job]) -> Iterator[str]:
    known = Counter(job.id for job in jobs)
    for one in taken:
        if known[one.job_id] != 1:
            yield f"job {one.job_id} is in the store {known[one.job_id]} times"


async def _ill_kept(
    store: JobStore, blobs: Blobs, jobs: Sequence[Job], counts: Counter[str]
) -> list[str]:
    """Holds committed results to files: one each, and none besides."""
    wrong: list[str] = []
    committed: set[str] = set()
    for job in jobs:
        for page in await store.pages(job):
            counts["pages claimed more than once"] += page.attempt > 1
            if page.result_key is None or page.result_key in committed:
                wrong.append(f"page {page.number} of {job.id} has no result of its own")
            else:
                committed.add(page.result_key)
    files = {blob.key async for blob in blobs.list("results")}
    wrong += [f"{key} was read besides" for key in sorted(files - committed)]
    wrong += [f"{key} is missing" for key in sorted(committed - files)]
    return wrong

"""Proves that queue and object store fit together: nothing orphaned, nothing missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import anyio
from redis.asyncio import Redis

from ocr_api.jobs import OPENING, Job, JobStatus, PageRecord, PageStatus
from ocr_api.store import keys
from ocr_api.store.audit_deliveries import (
    Outbox,
    plain_members,
    sorted_members,
    take_outbox,
    wrong_deliveries,
)
from ocr_api.store.blobs import Blobs
from ocr_api.store.commands import commands
from ocr_api.store.failures import redis_failures
from ocr_api.store.job_store import JobStore
from ocr_api.store.names import RESULTS, UPLOADS, WEBHOOKS, job_id_of, upload_key
from ocr_api.store.records import decode_fields, decode_job

_SCANNED_AT_ONCE = 1000
_SETTLE_S = 1.5
"""Longer than a worker's sweep or reclaim takes to come round again."""

_SHARED = frozenset(
    {
        *(keys.SCHEMA, keys.SEQUENCE, keys.JOBS, keys.LANES, keys.DELAYED, keys.LEASES),
        *(keys.ENDED, keys.UNTIDIED, keys.FAIR, keys.WORKER_REPORTS, keys.WORKERS_SEEN),
        *(keys.WORKERS_LIVE, keys.CURRENT_MODEL, keys.MODEL_WISHES, keys.MODEL_TURNS),
        keys.MODEL_EVENTS,
    }
)
_COMPARED_ELSEWHERE = (
    keys.OUTBOX,
    keys.DELIVERY,
    keys.DELIVERY_LOG,
    keys.DELIVERY_LEASES,
    keys.OWNER_JOBS,
)
"""Of deliveries (`audit_deliveries.py`), and lists of jobs."""


@dataclass(frozen=True, slots=True, order=True)
class Discrepancy:
    """Something that does not fit.

    Attributes:
        kind: `key`, `job`, `page` or `file`.
        subject: Its name.
        detail: What is wrong with it.
    """

    kind: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything that was found, read key by key while the service goes on.

    Attributes:
        keys: Names of all keys.
        jobs: By id.
        pages: By id of their job; the task of opening its document is number 0.
        listed: Ids in the list of jobs.
        owned: Names of API keys with the ids in their lists.
        ended: Ids that wait for their removal.
        untidied: Ids of ended jobs whose files have not been tidied.
        places: How often each page task lies in a queue, as `<job>:<page>`.
        held: Keys of used Idempotency-Keys, with their jobs.
        files: Keys of uploads and results.
        outbox: All about deliveries.
        bodies: Keys of their bodies.
        workers: Ids, by what knows of them: their reports, their times, or that they are live.
        lanes: Those that are known.
    """

    keys: frozenset[str] = frozenset()
    jobs: Mapping[str, Job] = field(default_factory=dict[str, Job])
    pages: Mapping[str, Sequence[PageRecord]] = field(default_factory=dict[str, list[PageRecord]])
    listed: frozenset[str] = frozenset()
    owned: frozenset[tuple[str, str]] = frozenset()
    ended: frozenset[str] = frozenset()
    untidied: frozenset[str] = frozenset()
    places: Mapping[str, int] = field(default_factory=dict[str, int])
    held: Mapping[str, str] = field(default_factory=dict[str, str])
    files: frozenset[str] = frozenset()
    outbox: Outbox = field(default_factory=Outbox)
    bodies: frozenset[str] = frozenset()
    workers: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    lanes: frozenset[str] = frozenset()


async def audit(
    redis: Redis, store: JobStore, blobs: Blobs, *, settle_s: float = _SETTLE_S
) -> list[Discrepancy]:
    """Looks twice, a moment apart: what is wrong both times is no work in progress.

    Reads everything, so it takes seconds for 100,000 jobs; changes nothing.
    """
    first = set(find_discrepancies(await take_inventory(redis, store, blobs)))
    if not first:
        return []
    await anyio.sleep(settle_s)
    return sorted(first.intersection(find_discrepancies(await take_inventory(redis, store, blobs))))


async def take_inventory(redis: Redis, store: JobStore, blobs: Blobs) -> Inventory:
    """Reads all keys and the names of all blobs; files first, so that a new job's file is late."""
    files = {blob.key for folder in (UPLOADS, RESULTS) async for blob in blobs.list(folder)}
    bodies = {blob.key async for blob in blobs.list(WEBHOOKS)}
    with redis_failures():
        scanned = commands(redis).scan_iter(match="{ocr}*", count=_SCANNED_AT_ONCE)
        names = {name.decode() async for name in scanned}
    jobs = await _jobs(redis, names)
    return Inventory(
        keys=frozenset(names),
        jobs=jobs,
        pages={job_id: await _pages(store, job) for job_id, job in jobs.items()},
        listed=await sorted_members(redis, keys.JOBS),
        owned=await _owned(redis, names),
        ended=await sorted_members(redis, keys.ENDED),
        untidied=await sorted_members(redis, keys.UNTIDIED),
        places=await _places(redis, names),
        held=await _held(redis, names),
        files=frozenset(files),
        outbox=await take_outbox(redis, frozenset(names)),
        bodies=frozenset(bodies),
        workers=await _workers(redis),
        lanes=await plain_members(redis, keys.LANES),
    )


def find_discrepancies(found: Inventory) -> Iterator[Discrepancy]:
    """Compares everything with everything. Pure."""
    yield from _strange_keys(found)
    yield from _unfit_jobs(found)
    yield from _unfit_pages(found)
    yield from _orphaned_files(found)
    yield from _missing_files(found)
    yield from _missing_keys(found)
    yield from _unfit_workers(found)
    told = {job_id for job_id, job in found.jobs.items() if job.has_ended and _has_webhook(job)}
    for name, wrong in wrong_deliveries(
        found.outbox, frozenset(found.jobs), frozenset(told), found.bodies
    ):
        yield Discrepancy("file" if name.startswith(WEBHOOKS) else "key", name, wrong)


def _strange_keys(found: Inventory) -> Iterator[Discrepancy]:
    owned = (keys.JOB, keys.PAGE, keys.EVENTS, keys.DOCUMENT_KEY)
    for name in found.keys:
        is_known = name in _SHARED or name.startswith((*_COMPARED_ELSEWHERE, keys.READY))
        if is_known or name.startswith((keys.INTENT, keys.IDEMPOTENCY)):
            continue
        owner = next((name.removeprefix(prefix) for prefix in owned if name.startswith(prefix)), "")
        job_id = owner.rpartition(":")[0] if name.startswith(keys.PAGE) else owner
        if job_id not in found.jobs:
            yield Discrepancy("key", name, "belongs to no job")
        elif name.startswith(keys.PAGE) and not _is_page(found.jobs[job_id], name):
            yield Discrepancy("key", name, "is a page that its document lacks")
        elif name.startswith(keys.DOCUMENT_KEY) and found.jobs[job_id].has_ended:
            yield Discrepancy("key", name, "is a password that nobody needs any more")
    for name, job_id in found.held.items():
        if job_id not in found.jobs:
            yield Discrepancy("key", name, "stands for a job that is gone")


def _is_page(job: Job, name: str) -> bool:
    """Before its document has been opened, a job's pages are unknown."""
    number = int(name.rpartition(":")[2])
    return number == OPENING or job.pages is None or number in set(job.pages)


def _missing_keys(found: Inventory) -> Iterator[Discrepancy]:
    if found.jobs:
        for name in {keys.SCHEMA, keys.SEQUENCE} - found.keys:
            yield Discrepancy("key", name, "is missing")
    for job_id, job in found.jobs.items():
        secret = keys.secret_key(job_id)
        if job.has_password and not job.has_ended and secret not in found.keys:
            yield Discrepancy("key", secret, "is missing; its job still needs the password")
    ready = {name.removeprefix(keys.READY) for name in found.keys if name.startswith(keys.READY)}
    for lane in ready - found.lanes:
        yield Discrepancy("key", keys.READY + lane, "is not in the list of lanes")
    for job_id in found.untidied - found.jobs.keys():
        yield Discrepancy("job", job_id, "is to be tidied and has no record")
    for job_id in found.ended - found.jobs.keys():
        yield Discrepancy("job", job_id, "is to be removed and has no record")


def _unfit_workers(found: Inventory) -> Iterator[Discrepancy]:
    reported, seen = found.workers[keys.WORKER_REPORTS], found.workers[keys.WORKERS_SEEN]
    for worker in reported ^ seen:
        yield Discrepancy("key", f"{keys.WORKERS_SEEN} {worker}", "has no report, or no time")
    for worker in found.workers[keys.WORKERS_LIVE] - seen:
        yield Discrepancy("key", f"{keys.WORKERS_LIVE} {worker}", "is live and was never seen")


def _has_webhook(job: Job) -> bool:
    return job.options.webhook_url is not None


def _unfit_jobs(found: Inventory) -> Iterator[Discrepancy]:
    for job_id in found.listed ^ found.jobs.keys():
        yield Discrepancy("job", job_id, "is listed without a record, or has one and is not listed")
    owned = {(job.owner, job.id) for job in found.jobs.values() if job.owner}
    for owner, job_id in found.owned ^ owned:
        yield Discrepancy("job", job_id, f"and the list of the API key {owner} disagree")
    for job_id, job in found.jobs.items():
        if job.has_ended != (job_id in found.ended):
            yield Discrepancy("job", job_id, f"is {job.status}, which its date of removal denies")


def _unfit_pages(found: Inventory) -> Iterator[Discrepancy]:
    waiting = Counter(found.places)
    for job_id, pages in found.pages.items():
        job = found.jobs[job_id]
        for page in pages:
            name = f"{job_id}:{page.number}"
            is_open = page.status in {PageStatus.READY, PageStatus.CLAIMED}
            expected = 1 if is_open and not job.has_ended else 0
            if waiting.pop(name, 0) != expected and job_id not in found.untidied:
                yield Discrepancy("page", name, f"is {page.status} and not in its one queue")
        yield from _missing_pages(job, pages)
        if job.status is JobStatus.COMPLETED and any(
            page.status not in {PageStatus.DONE, PageStatus.FAILED} for page in pages
        ):
            yield Discrepancy("job", job_id, "is completed, and some pages have not ended")
    for name in waiting:
        yield Discrepancy("page", name, "is queued and has no record")


def _missing_pages(job: Job, pages: Sequence[PageRecord]) -> Iterator[Discrepancy]:
    """Compares the pages that were chosen with their records, once the document is open."""
    by_number = {page.number: page for page in pages}
    opening = by_number.get(OPENING)
    if opening is None or opening.status is PageStatus.DONE:
        for number in job.pages or ():
            if number not in by_number:
                yield Discrepancy("page", f"{job.id}:{number}", "is to be read and has no record")


def _orphaned_files(found: Inventory) -> Iterator[Discrepancy]:
    committed = {key for pages in found.pages.values() for key in _committed(pages)}
    for key in found.files - committed:
        job_id = job_id_of(key)
        job = found.jobs.get(job_id or "")
        is_coming = keys.intent_key(job_id or "") in found.keys
        is_in_work = job is not None and (not job.has_ended or job_id in found.untidied)
        is_kept = job is not None and key == job.upload_key and job.keeps_upload
        if not (is_coming or is_in_work or is_kept):
            yield Discrepancy("file", key, "is needed by nobody")


def _missing_files(found: Inventory) -> Iterator[Discrepancy]:
    for job_id, job in found.jobs.items():
        needed = [upload_key(job_id)] if job.keeps_upload else []
        for key in {*needed, *_committed(found.pages[job_id])} - found.files:
            yield Discrepancy("file", key, f"is missing; its job is {job.status}")


def _committed(pages: Iterable[PageRecord]) -> list[str]:
    return [page.result_key for page in pages if page.result_key is not None]


async def _jobs(redis: Redis, names: Iterable[str]) -> dict[str, Job]:
    found: dict[str, Job] = {}
    for name in names:
        if name.startswith(keys.JOB):
            with redis_failures():
                fields = decode_fields(await commands(redis).hgetall(name))
            if fields:
                found[fields["id"]] = decode_job(fields)
    return found


async def _owned(redis: Redis, names: Iterable[str]) -> frozenset[tuple[str, str]]:
    lists = [name for name in names if name.startswith(keys.OWNER_JOBS)]
    return frozenset(
        {
            (name.removeprefix(keys.OWNER_JOBS), job_id)
            for name in lists
            for job_id in await sorted_members(redis, name)
        }
    )


async def _pages(store: JobStore, job: Job) -> list[PageRecord]:
    opening = await store.page(job.id, OPENING)
    pages = await store.pages(job)
    return pages if opening is None else [opening, *pages]


async def _workers(redis: Redis) -> Mapping[str, frozenset[str]]:
    with redis_failures():
        reported = await commands(redis).hkeys(keys.WORKER_REPORTS)
    return {
        keys.WORKER_REPORTS: frozenset(one.decode() for one in reported),
        keys.WORKERS_SEEN: await sorted_members(redis, keys.WORKERS_SEEN),
        keys.WORKERS_LIVE: await sorted_members(redis, keys.WORKERS_LIVE),
    }


async def _places(redis: Redis, names: Iterable[str]) -> Mapping[str, int]:
    queues = [name for name in names if name.startswith(keys.READY)]
    found: Counter[str] = Counter()
    for queue in (*queues, keys.DELAYED, keys.LEASES):
        found.update(_plain_name(task) for task in await sorted_members(redis, queue))
    return found


async def _held(redis: Redis, names: Iterable[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in names:
        if name.startswith(keys.IDEMPOTENCY):
            with redis_failures():
                fields = decode_fields(await commands(redis).hgetall(name))
            if "fingerprint" in fields:
                found[name] = fields["job"]
    return found


def _plain_name(task: str) -> str:
    """Gives `<job>:<page>` without leading zeros."""
    job_id, _, number = task.rpartition(":")
    return f"{job_id}:{int(number)}"

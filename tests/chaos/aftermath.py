"""What a run left behind: jobs, pages, files, keys, deliveries, held against what was asked."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from redis.asyncio import Redis

from ocr_api.errors import UnknownJobError
from ocr_api.jobs import DeliveryState, PageRecord, PageStatus
from ocr_api.store import (
    Blobs,
    JobStore,
    StoreLimits,
    Sweeper,
    SweepLimits,
    audit,
    connect,
    keys,
    open_blobs,
)
from ocr_api.store.commands import commands
from tests.chaos.callers import Accepted
from tests.chaos.ground import Ground
from tests.chaos.plan import width_of

_TOLD_S = 90.0
_LATER_S = 7200.0
_FOLDERS = ("uploads", "results", "webhooks")
_QUEUES = (keys.LEASES, keys.DELAYED, keys.UNTIDIED, keys.OUTBOX, keys.DELIVERY_LEASES)


@dataclass(slots=True)
class Stores:
    """Open connections to what a run left.

    Attributes:
        redis: The store's server.
        store: The queue.
        blobs: Files.
    """

    redis: Redis
    store: JobStore
    blobs: Blobs


@dataclass(slots=True)
class Findings:
    """What was found.

    Attributes:
        wrong: Sentences; a clean run has none.
        counts: For the tally.
        pages: Records of the pages of each job that is still there.
    """

    wrong: list[str] = field(default_factory=list[str])
    counts: Counter[str] = field(default_factory=Counter[str])
    pages: dict[str, Sequence[PageRecord]] = field(default_factory=dict[str, Sequence[PageRecord]])


@asynccontextmanager
async def opened(ground: Ground) -> AsyncIterator[Stores]:
    """Opens the stores themselves, past any proxy."""
    async with connect(ground.store_url()) as redis:
        blobs = await open_blobs(ground.data_dir / "uploads")
        yield Stores(redis, JobStore(redis, StoreLimits()), blobs)


async def wait_until_told(stores: Stores, accepted: Sequence[Accepted], found: Findings) -> None:
    """Waits until no delivery is pending; those that stay so, or failed, are wrong."""
    ids = [f"{keys.DELIVERY_ID}{one.job_id}" for one in accepted]
    with anyio.move_on_after(_TOLD_S):
        while any(one.state is DeliveryState.PENDING for one in await stores.store.deliveries(ids)):
            await anyio.sleep(0.2)
    for one in await stores.store.deliveries(ids):
        found.counts[f"deliveries {one.state.value}"] += 1
        if one.state is not DeliveryState.DELIVERED:
            found.wrong.append(f"delivery {one.id} is {one.state.value} after {one.tried} tries")


async def check_jobs(stores: Stores, accepted: Sequence[Accepted], found: Findings) -> None:
    """Holds every job's record, pages and texts against its plan."""
    for one in accepted:
        found.wrong += [f"job {one.plan.number} ({one.job_id}) {what}" for what in _ill_ended(one)]
        try:
            job = await stores.store.get(one.job_id)
        except UnknownJobError:
            if not one.is_removed:
                found.wrong.append(f"job {one.plan.number} ({one.job_id}) is gone")
            continue
        found.pages[one.job_id] = await stores.store.pages(job)
    listed = await _listed(stores)
    known = {one.job_id for one in accepted if not one.is_removed}
    found.wrong += [f"job {job_id} is listed and was never accepted" for job_id in listed - known]
    found.wrong += [f"job {job_id} is not listed" for job_id in known - listed]
    _count_pages(found)


async def check_an_hour_later(stores: Stores, found: Findings) -> None:
    """Lets what is kept for uploads in progress be over, sweeps, and holds files to results."""
    async for name in stores.redis.scan_iter(f"{keys.INTENT}*"):
        await stores.redis.delete(name)
    sweeper = Sweeper(
        stores.store, stores.blobs, SweepLimits(), clock=lambda: time.time() + _LATER_S
    )
    found.counts["files of broken-off work swept"] = await sweeper.sweep_orphans()
    found.wrong += [
        f"audit: {wrong.kind} {wrong.subject} {wrong.detail}"
        for wrong in await audit(stores.redis, stores.store, stores.blobs)
    ]
    committed = {
        page.result_key
        for pages in found.pages.values()
        for page in pages
        if page.result_key is not None
    }
    files = {blob.key for folder in _FOLDERS async for blob in stores.blobs.list(folder)}
    files |= {blob.key for blob in await stores.blobs.list_staged()}
    found.wrong += [f"file {key} belongs to no result" for key in sorted(files - committed)]
    found.wrong += [f"result {key} is missing" for key in sorted(committed - files)]
    found.counts["committed results"] = len(committed)
    for name in _QUEUES:
        if await stores.redis.exists(name):
            found.wrong.append(f"{name} is not empty")


def _ill_ended(one: Accepted) -> Iterator[str]:
    if one.is_removed:
        return
    job = one.job
    if job is None:
        yield "did not end"
    elif job["status"] == "cancelled":
        if one.cancel == "no":
            yield "was cancelled by nobody"
    elif one.cancel == "200":
        yield f"was cancelled with a 200 and is {job['status']}"
    elif job["status"] != "completed" or job.get("partial"):
        yield f"is {job['status']}, {job.get('error')}"
    else:
        yield from _ill_read(one)


def _ill_read(one: Accepted) -> Iterator[str]:
    expected = {
        page: (width_of(page), one.plan.text_of(page)) for page in range(1, one.plan.pages + 1)
    }
    if one.texts.keys() != expected.keys():
        yield f"has the pages {sorted(one.texts)} of {one.plan.pages}"
    for page in expected.keys() & one.texts.keys():
        if one.texts[page] != expected[page]:
            yield f"reads {one.texts[page]} on page {page}, not {expected[page]}"


async def _listed(stores: Stores) -> set[str]:
    return {job_id.decode() for job_id in await commands(stores.redis).zrange(keys.JOBS, 0, -1)}


def _count_pages(found: Findings) -> None:
    for pages in found.pages.values():
        for page in pages:
            found.counts[f"pages {page.status.value}"] += 1
            found.counts["pages claimed more than once"] += page.attempt > 1
            found.counts["most claims of one page"] = max(
                found.counts["most claims of one page"], page.attempt
            )
            found.counts["most charged attempts of one page"] = max(
                found.counts["most charged attempts of one page"], page.charged
            )
            is_whole = (page.status is PageStatus.DONE) == (page.result_key is not None)
            if not is_whole:
                found.wrong.append(f"page {page.number} is {page.status}, {page.result_key}")

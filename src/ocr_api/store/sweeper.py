"""Removes what is no longer needed: expired jobs, uploads of ended ones, files nobody knows."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass

import anyio

from ocr_api.errors import StoreError, UnknownJobError
from ocr_api.jobs import Job, JobStatus, PageRecord
from ocr_api.store.blobs import Blobs
from ocr_api.store.job_store import JobStore
from ocr_api.store.local_files import BlobInfo
from ocr_api.store.names import (
    RESULTS,
    UPLOADS,
    WEBHOOKS,
    delivery_id_of,
    job_id_of,
    result_key,
)

_BATCH = 100


@dataclass(frozen=True, slots=True)
class SweepLimits:
    """When to sweep.

    Attributes:
        interval_s: Between two looks at ended jobs.
        walk_interval_s: Between two walks over all blobs, in search of orphans.
        grace_s: Age below which a blob without a job is left alone.
    """

    interval_s: float = 30.0
    walk_interval_s: float = 3600.0
    grace_s: float = 3600.0


def is_orphan(
    blob: BlobInfo, *, has_job: bool, is_uploading: bool, now: float, grace_s: float
) -> bool:
    """Tells whether nobody will ever ask for a blob. Pure.

    Args:
        blob: As listed.
        has_job: Its job exists.
        is_uploading: An upload for its id is noted as coming in.
        now: Seconds since the epoch.
        grace_s: Age below which the answer is no.
    """
    return not has_job and not is_uploading and now - blob.modified_at > grace_s


def lost_results(job_id: str, pages: Iterable[PageRecord]) -> list[str]:
    """Gives the keys under which attempts that were not committed may have left results. Pure."""
    return [
        key
        for page in pages
        for attempt in range(1, page.attempt + 1)
        if (key := result_key(job_id, page.number, attempt)) != page.result_key
    ]


async def remove_job(store: JobStore, blobs: Blobs, job: Job) -> bool:
    """Removes an ended job's blobs, then the job: after a crash in between it is found again.

    False where it has not ended, or is unknown by now.
    """
    pages = await store.pages(job)
    committed = _committed_results(pages)
    await _delete(blobs, [job.upload_key, *lost_results(job.id, pages), *committed])
    return await store.remove(job.id)


class Sweeper:
    """Keeps queue and object store in step; several may run at once, anywhere.

    Args:
        store: The queue.
        blobs: The object store.
        limits: When to do what.
        clock: Gives seconds since the epoch; by default the machine's.
    """

    def __init__(
        self,
        store: JobStore,
        blobs: Blobs,
        limits: SweepLimits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._limits = limits or SweepLimits()
        self._clock = clock
        self._log = logging.getLogger(__name__)

    async def run(self) -> None:
        """Sweeps until cancelled, through every outage of the stores."""
        last_walk = float("-inf")
        while True:
            await anyio.sleep(self._limits.interval_s)
            try:
                await self.sweep_jobs()
                if self._clock() - last_walk >= self._limits.walk_interval_s:
                    last_walk = self._clock()
                    await self.sweep_orphans()
            except StoreError as exc:
                self._log.warning("sweeping stopped early, goes on later: %s", exc.detail)

    async def sweep_jobs(self) -> int:
        """Removes expired jobs, and uploads and lost results of ended ones.

        Gives the number of jobs removed.
        """
        removed = 0
        while expired := await self._store.expired(_BATCH):
            for job in expired:
                await remove_job(self._store, self._blobs, job)
            removed += len(expired)
        while ended := await self._store.untidied(_BATCH):
            tidied = [await self._tidy(job_id) for job_id in ended]
            if not all(tidied):
                break
        return removed

    async def sweep_orphans(self) -> int:
        """Walks over all blobs; removes those that belong to no job. Gives their number."""
        removed = 0
        for folder in (UPLOADS, RESULTS):
            async for batch in _batches(self._blobs.list(folder)):
                for blob in await self._find_orphans(batch):
                    await self._blobs.delete(blob.key)
                    removed += 1
        async for batch in _batches(self._blobs.list(WEBHOOKS)):
            for blob in await self._find_orphaned_bodies(batch):
                await self._blobs.delete(blob.key)
                removed += 1
        staged = await self._blobs.list_staged()
        bodies = await self._find_orphaned_bodies(staged)
        for blob in (*await self._find_orphans(staged), *bodies):
            await self._blobs.delete_staged(blob.key)
            removed += 1
        return removed

    async def _tidy(self, job_id: str) -> bool:
        """Removes what an ended job needs no more; False where somebody changes it just now."""
        try:
            job = await self._store.get(job_id)
            pages = await self._store.pages(job)
            if not job.has_ended or await self._store.get(job_id) != job:
                return False
            if job.status is not JobStatus.COMPLETED:
                await self._store.drop_pages(job_id)
            upload = [] if job.keeps_upload else [job.upload_key]
            await _delete(self._blobs, [*upload, *lost_results(job_id, pages)])
        except UnknownJobError:
            pass
        await self._store.mark_tidied(job_id)
        return True

    async def _find_orphans(self, found: Sequence[BlobInfo]) -> list[BlobInfo]:
        owners = {blob.key: job_id for blob in found if (job_id := job_id_of(blob.key))}
        job_ids = sorted(set(owners.values()))
        uploading = await self._store.uploading(job_ids)
        known = await self._store.have_ended(job_ids)
        now, grace_s = self._clock(), self._limits.grace_s
        return [
            blob
            for blob in found
            if (job_id := owners.get(blob.key))
            and is_orphan(
                blob,
                has_job=job_id in known,
                is_uploading=job_id in uploading,
                now=now,
                grace_s=grace_s,
            )
        ]

    async def _find_orphaned_bodies(self, found: Sequence[BlobInfo]) -> list[BlobInfo]:
        """Bodies of webhooks belong to their delivery, not to its job, which they may outlive."""
        owners = {blob.key: owner for blob in found if (owner := delivery_id_of(blob.key))}
        known = await self._store.deliveries(sorted(set(owners.values())))
        needed = {delivery.body_key for delivery in known}
        now, grace_s = self._clock(), self._limits.grace_s
        return [
            blob
            for blob in found
            if blob.key in owners
            and is_orphan(
                blob, has_job=blob.key in needed, is_uploading=False, now=now, grace_s=grace_s
            )
        ]


async def _delete(blobs: Blobs, keys: Iterable[str]) -> None:
    for key in keys:
        await blobs.delete(key)


def _committed_results(pages: Iterable[PageRecord]) -> list[str]:
    return [page.result_key for page in pages if page.result_key is not None]


async def _batches(blobs: AsyncIterator[BlobInfo]) -> AsyncIterator[list[BlobInfo]]:
    batch: list[BlobInfo] = []
    async for blob in blobs:
        batch.append(blob)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch

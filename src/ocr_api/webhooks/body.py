"""The body of a delivery: the job as callers see it; built once, then kept until the last try."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import anyio.to_thread

from ocr_api.errors import BlobMissingError, StoreError, UnknownJobError
from ocr_api.jobs import Delivery, Job, JobStatus, PageRecord
from ocr_api.store import Blobs, JobStore, decode_result, webhook_body_key
from ocr_api.wire import job_event, removed_job_event


class Bodies:
    """Builds and keeps bodies.

    Args:
        store: Jobs and deliveries.
        blobs: Results, and where bodies lie.
        max_bytes: A larger body goes without its result, which a link leads to.
    """

    def __init__(self, store: JobStore, blobs: Blobs, max_bytes: int) -> None:
        self._store = store
        self._blobs = blobs
        self._max_bytes = max_bytes

    async def get(self, delivery: Delivery) -> bytes | None:
        """Gives the body, the same at each try; None where the claim turned out to be stale."""
        if delivery.body_key is not None:
            try:
                return await self._blobs.get(delivery.body_key)
            except BlobMissingError:
                pass  # removed behind our back: built anew
        body = await self._build(delivery)
        key = webhook_body_key(delivery.id, delivery.attempt)
        await self._blobs.put(key, body)
        if await self._store.keep_body(delivery, key):
            return body
        await self._blobs.delete(key)
        return None

    async def drop(self, delivery: Delivery) -> None:
        """Removes the body of an ended delivery; should that fail, the sweeper finds it."""
        key = delivery.body_key or webhook_body_key(delivery.id, delivery.attempt)
        with suppress(StoreError):
            await self._blobs.delete(key)

    async def _build(self, delivery: Delivery) -> bytes:
        try:
            job = await self._store.get(delivery.job_id)
        except UnknownJobError:
            return removed_job_event(delivery, removed=True).model_dump_json().encode()
        if not job.has_ended:
            return removed_job_event(delivery, removed=False).model_dump_json().encode()
        records = await self._store.pages(job)
        results = await self._results(job, records)
        return await anyio.to_thread.run_sync(
            partial(_render, job, records, results, self._max_bytes)
        )

    async def _results(self, job: Job, records: Sequence[PageRecord]) -> list[bytes] | None:
        """Gives the stored results; None where they are more than are sent, or gone."""
        if job.status is not JobStatus.COMPLETED:
            return None
        found: list[bytes] = []
        left = self._max_bytes
        for page in sorted(records, key=lambda record: record.number):
            if page.result_key is None:
                continue
            try:
                found.append(await self._blobs.get(page.result_key))
            except BlobMissingError:
                return None
            left -= len(found[-1])
            if left < 0:
                return None
        return found


def _render(
    job: Job, records: Sequence[PageRecord], blobs: Sequence[bytes] | None, max_bytes: int
) -> bytes:
    results = None if blobs is None else [decode_result(blob) for blob in blobs]
    body = job_event(job, records, results).model_dump_json().encode()
    if len(body) > max_bytes and results is not None:
        return job_event(job, records, None).model_dump_json().encode()
    return body

"""Answers about jobs and pages, with their results read from the object store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import anyio.to_thread
from fastapi import Response
from pydantic import BaseModel

from ocr_api.api.rendered import has_ended, page_in_form
from ocr_api.api.services import Services
from ocr_api.errors import JobNotFinishedError, UnknownPageError
from ocr_api.jobs import Job, JobStatus, PageRecord, PageResult
from ocr_api.renderers import OutputFormat
from ocr_api.store import decode_result
from ocr_api.wire import job_view, page_failure, single_page

_JSON = "application/json"
INLINE_PAGES = 200
"""Jobs of more pages are answered with the text alone: the boxes of a thousand full pages are
hundreds of megabytes of JSON, and every page can be had by its own address."""

_LAST_PAGE = 10**6
_QUICK_BYTES = 32 * 1024
"""Results up to this size are rendered in about a millisecond."""


def json_response(view: BaseModel, *, status: int = 200) -> Response:
    """Gives a JSON answer."""
    return Response(view.model_dump_json(), status_code=status, media_type=_JSON)


async def job_response(services: Services, job: Job, if_none_match: str | None) -> Response:
    """Gives the answer about one job, its result included; 304 where the caller has this one."""
    tag = entity_tag(job)
    headers = {"ETag": tag} if job.has_ended else {"ETag": tag, "Retry-After": "1"}
    if if_none_match is not None and is_match(tag, if_none_match):
        return Response(status_code=304, headers=headers)
    if job.status is not JobStatus.COMPLETED:
        return Response(job_view(job).model_dump_json(), headers=headers, media_type=_JSON)
    records = await services.store.pages(job)
    if len(records) > INLINE_PAGES:
        body = await _long_job(services, job, records)
    else:
        blobs = [await services.blobs.get(key) for key in _result_keys(records)]
        body = await _rendered(partial(_render_job, job, records, blobs), blobs)
    return Response(body, headers=headers, media_type=_JSON)


async def page_response(
    services: Services, job: Job, number: int, form: OutputFormat | None = None
) -> Response:
    """Gives the answer about one page.

    Args:
        services: Of the application.
        job: That the page belongs to.
        number: Of the page, from 1.
        form: None = JSON that also tells how the page stands.

    Raises:
        UnknownPageError: The document has no such page.
        JobNotFinishedError: It has not been read yet.
    """
    record = await _ended_page(services, job, number)
    if form is not None:
        return await page_in_form(services, job, record, form)
    if record.result_key is None:
        return json_response(page_failure(job.id, record))
    blob = await services.blobs.get(record.result_key)
    body = await _rendered(partial(_render_page, job.id, blob), [blob])
    return Response(body, media_type=_JSON)


async def _ended_page(services: Services, job: Job, number: int) -> PageRecord:
    record = await services.store.page(job.id, number) if 1 <= number <= _LAST_PAGE else None
    if record is not None and has_ended(record):
        return record
    if number < 1 or job.has_ended or (job.pages is not None and number not in job.pages):
        msg = f"Job {job.id} has no page {number}, or it is not among the pages asked for."
        raise UnknownPageError(msg, pages_total=job.pages_total)
    msg = f"Page {number} of job {job.id} has not been read yet."
    raise JobNotFinishedError(msg)


def entity_tag(job: Job) -> str:
    """Gives a strong entity tag: jobs that differ in anything have different ones."""
    return f'"{hashlib.blake2b(repr(job).encode(), digest_size=12).hexdigest()}"'


def is_match(tag: str, if_none_match: str) -> bool:
    """Tells whether an If-None-Match header names this entity tag (weak comparison)."""
    candidates = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag in candidates or "*" in candidates


async def _rendered(render: Callable[[], str], blobs: Sequence[bytes]) -> str:
    """Renders results; larger ones in a thread, so that other callers need not wait."""
    if sum(len(blob) for blob in blobs) <= _QUICK_BYTES:
        return render()
    return await anyio.to_thread.run_sync(render)


def _render_job(job: Job, records: Sequence[PageRecord], blobs: Sequence[bytes]) -> str:
    results = [decode_result(blob) for blob in blobs]
    return job_view(job, records, results).model_dump_json()


async def _long_job(services: Services, job: Job, records: Sequence[PageRecord]) -> str:
    """Joins the texts of many pages, holding the words of one at a time."""
    pages: list[PageResult] = []
    for key in _result_keys(records):
        blob = await services.blobs.get(key)
        pages.append(await anyio.to_thread.run_sync(_without_words, blob))
    return await anyio.to_thread.run_sync(partial(_render_texts, job, records, pages))


def _without_words(blob: bytes) -> PageResult:
    result = decode_result(blob)
    blocks = tuple(
        replace(block, lines=tuple(replace(line, words=()) for line in block.lines))
        for block in result.text.blocks
    )
    return replace(result, text=replace(result.text, blocks=blocks))


def _render_texts(job: Job, records: Sequence[PageRecord], pages: Sequence[PageResult]) -> str:
    return job_view(job, records, pages, with_places=False).model_dump_json()


def _result_keys(records: Sequence[PageRecord]) -> list[str]:
    return [page.result_key for page in records if page.result_key is not None]


def _render_page(job_id: str, blob: bytes) -> str:
    return single_page(job_id, decode_result(blob)).model_dump_json()

"""Results in the form that a caller asked for, streamed one page at a time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import anyio.to_thread
from fastapi import Response
from starlette.responses import StreamingResponse

from ocr_api.api.services import Services
from ocr_api.errors import JobNotFinishedError, NoResultError
from ocr_api.jobs import Job, JobStatus, PageRecord, PageStatus, Problem
from ocr_api.renderers import DocumentInfo, OutputFormat, PageOutcome
from ocr_api.store import decode_result
from ocr_api.wire import problem_view

_QUICK_BYTES = 32 * 1024
"""Results up to this size are rendered in about a millisecond."""
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]")
_POLICY = "default-src 'none'; sandbox"
"""Should a browser show a result as a page, nothing in it is run or loaded."""


def check_has_result(job: Job) -> None:
    """Refuses a job whose result does not exist.

    Raises:
        JobNotFinishedError: It will be asked for again.
        NoResultError: The job failed or was cancelled.
    """
    if not job.has_ended:
        msg = f"Job {job.id} is {job.status.value}; its result is there once it is completed."
        raise JobNotFinishedError(msg)
    if job.status is JobStatus.COMPLETED:
        return
    problem = job.problem or Problem("no_result", f"The job is {job.status.value}.")
    msg = f"Job {job.id} has no result, it is {job.status.value}: {problem.detail}"
    detail = problem_view(problem).model_dump(exclude_none=True)
    raise NoResultError(msg, job_status=job.status.value, error_detail=detail)


async def result_response(services: Services, job: Job, form: OutputFormat) -> Response:
    """Gives the answer with the whole result of a completed job.

    Raises:
        BlobMissingError: The first page is gone from the object store. Where a later one is, the
            connection is cut, so that nobody takes a part for the whole.
    """
    records = sorted(await services.store.pages(job), key=lambda page: page.number)
    ended = [page for page in records if has_ended(page)]
    document = _document(services, job, len(ended))
    return await _streamed(services, form, document, ended, f"{_stem(job)}.{form.suffix}")


async def page_in_form(
    services: Services, job: Job, record: PageRecord, form: OutputFormat
) -> Response:
    """Gives the answer with one page that has ended; raises as `result_response` does."""
    document = replace(_document(services, job, 1), is_page_alone=True)
    name = f"{_stem(job)}.page-{record.number}.{form.suffix}"
    return await _streamed(services, form, document, [record], name)


def rendered_tag(services: Services, job: Job, form: OutputFormat) -> str:
    """Gives a strong entity tag: another job, state, form or version has another one."""
    facts = repr((job, form.name, services.version))
    return f'"{hashlib.blake2b(facts.encode(), digest_size=12).hexdigest()}"'


async def rendered_pieces(
    services: Services, form: OutputFormat, document: DocumentInfo, pages: Sequence[PageRecord]
) -> AsyncIterator[bytes]:
    """Yields a document piece by piece; one page is in memory at a time."""
    yield form.head(document).encode()
    for index, record in enumerate(pages):
        yield await _rendered_page(services, form, document, record, is_first=index == 0)
    yield form.tail(document).encode()


def _document(services: Services, job: Job, rendered_pages: int) -> DocumentInfo:
    return DocumentInfo(
        total_pages=job.pages_total or rendered_pages,
        rendered_pages=rendered_pages,
        job_id=job.id,
        filename=job.filename,
        languages=job.options.languages,
        version=services.version,
    )


async def _streamed(
    services: Services,
    form: OutputFormat,
    document: DocumentInfo,
    pages: Sequence[PageRecord],
    filename: str,
) -> Response:
    pieces = rendered_pieces(services, form, document, pages)
    opening = await anext(pieces) + await anext(pieces)
    return StreamingResponse(
        _joined(opening, pieces),
        headers={
            "Content-Type": form.content_type,
            "Content-Disposition": content_disposition(filename),
            "Content-Security-Policy": _POLICY,
            "Vary": "Accept",
        },
    )


async def _joined(opening: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield opening
    async for piece in rest:
        yield piece


async def _rendered_page(
    services: Services,
    form: OutputFormat,
    document: DocumentInfo,
    record: PageRecord,
    *,
    is_first: bool,
) -> bytes:
    blob = None
    if record.result_key is not None:
        blob = await services.blobs.get(record.result_key)
    render = partial(_render, form, document, record, blob, is_first=is_first)
    if blob is None or len(blob) <= _QUICK_BYTES:
        return render()
    return await anyio.to_thread.run_sync(render)


def _render(
    form: OutputFormat,
    document: DocumentInfo,
    record: PageRecord,
    blob: bytes | None,
    *,
    is_first: bool,
) -> bytes:
    outcome = PageOutcome(
        number=record.number,
        result=None if blob is None else decode_result(blob),
        problem=record.problem if blob is None else None,
        is_first=is_first,
    )
    return form.page(document, outcome).encode()


def content_disposition(filename: str) -> str:
    """Gives the header (RFC 6266): a plain name for old clients, the true one beside it."""
    plain = _NOT_PLAIN.sub("_", filename)
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _stem(job: Job) -> str:
    """Gives the name of the upload, or the job's id where it has none."""
    return job.filename or job.id


def has_ended(page: PageRecord) -> bool:
    """Tells whether a page was read or given up."""
    return page.result_key is not None or page.status is PageStatus.FAILED

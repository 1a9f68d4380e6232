"""`ocr-api jobs`: look at jobs, cancel them, and try failed ones again."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.table import Table

from ocr_api.cli.outcomes import Outcome
from ocr_api.cli.store_access import OpenStores, opened_stores
from ocr_api.errors import JobNotRetryableError, OcrApiError, UnknownJobError
from ocr_api.jobs import Job, JobStatus, RetryRefusal
from ocr_api.settings import Settings
from ocr_api.store import CancelOutcome
from ocr_api.wire import job_view

_BATCH = 100
_REFUSALS: Mapping[RetryRefusal, str] = {
    RetryRefusal.NOTHING_FAILED: "none of its pages has failed",
    RetryRefusal.FILE_AT_FAULT: "its file is at fault; mend it and submit it again",
    RetryRefusal.PASSWORD_NOT_KEPT: "the password of its document is not kept; submit it again",
}


async def print_jobs(settings: Settings, status: JobStatus | None, limit: int) -> None:
    """Prints the newest jobs, one a line."""
    async with opened_stores(settings) as stores:
        found = await stores.store.list_jobs(limit=limit, status=status)
    _print_table(found.jobs)


async def print_dead(settings: Settings, limit: int) -> None:
    """Prints the newest failed jobs, why they failed, and whether `retry` can help."""
    async with opened_stores(settings) as stores:
        found = await stores.store.list_jobs(limit=limit, status=JobStatus.FAILED)
    _print_table(found.jobs, with_problems=True)


async def print_job(settings: Settings, job_id: str) -> None:
    """Prints one job as JSON, its failed pages included, its result left out."""
    async with opened_stores(settings) as stores:
        job = await stores.store.get(job_id)
        view = job_view(job, await stores.store.pages(job))
    sys.stdout.write(view.model_dump_json(indent=2) + "\n")


async def cancel_jobs(settings: Settings, job_ids: Sequence[str]) -> Outcome:
    """Cancels jobs that have not ended."""

    async def cancel(stores: OpenStores, job_id: str) -> str:
        outcome = await stores.store.cancel(job_id)
        if outcome is CancelOutcome.UNKNOWN:
            msg = f"There is no job {job_id}."
            raise UnknownJobError(msg)
        return "cancelled" if outcome is CancelOutcome.CANCELLED else "had ended before"

    async with opened_stores(settings) as stores:
        return await _for_each(stores, job_ids, cancel)


async def retry_jobs(settings: Settings, job_ids: Sequence[str], *, all_failed: bool) -> Outcome:
    """Queues the failed pages of failed jobs again.

    Args:
        settings: Tell where the stores are.
        job_ids: Which jobs.
        all_failed: Every failed job that can be retried, instead.
    """
    async with opened_stores(settings) as stores:
        chosen = await _retryable(stores) if all_failed else job_ids
        return await _for_each(stores, chosen, _retry)


async def _retry(stores: OpenStores, job_id: str) -> str:
    job = await stores.store.get(job_id)
    if job.retry_refusal is not None:
        why = _REFUSALS[job.retry_refusal]
        msg = f"Job {job_id} is {job.status} and cannot be retried: {why} ({job.retry_refusal})."
        raise JobNotRetryableError(msg, reason=job.retry_refusal.value)
    os.close(await stores.blobs.open_file(job.upload_key))
    pages = await stores.store.retry(job_id)
    if pages < 0:
        msg = f"Job {job_id} changed just now; look at it again."
        raise JobNotRetryableError(msg)
    return f"queued again, pages: {pages}"


async def _retryable(stores: OpenStores) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        part = await stores.store.list_jobs(limit=_BATCH, cursor=cursor, status=JobStatus.FAILED)
        found += [job.id for job in part.jobs if job.can_be_retried]
        cursor = part.next_cursor
        if cursor is None:
            return found


async def _for_each(
    stores: OpenStores, job_ids: Sequence[str], act: Callable[[OpenStores, str], Awaitable[str]]
) -> Outcome:
    outcome = Outcome.DONE
    for job_id in job_ids:
        try:
            typer.echo(f"{job_id}: {await act(stores, job_id)}")
        except OcrApiError as exc:
            typer.echo(f"{job_id}: {exc.detail} [{exc.code}]", err=True)
            outcome = Outcome.SOME_FAILED
    return outcome


def _print_table(jobs: Sequence[Job], *, with_problems: bool = False) -> None:
    with_owners = any(job.owner for job in jobs)
    headings = ["job", "status", "model", "pages", "created", "file"]
    further = [*(["key"] if with_owners else []), *(["retry", "why"] if with_problems else [])]
    table = Table(box=None, pad_edge=False)
    for heading in [*headings, *further]:
        table.add_column(heading, no_wrap=heading == "job", overflow="fold")
    for job in jobs:
        owner = (job.owner,) if with_owners else ()
        table.add_row(*_cells(job), *owner, *(_why(job) if with_problems else ()))
    Console(soft_wrap=False).print(table)


def _cells(job: Job) -> tuple[str, ...]:
    pages = "?" if job.pages_total is None else str(job.pages_total)
    created = datetime.fromtimestamp(job.created_at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    name = job.filename or ""
    return job.id, job.status, job.model, f"{job.pages_done}/{pages}", created, name


def _why(job: Job) -> tuple[str, str]:
    problem = job.problem
    reason = "" if problem is None else f"{problem.code}: {problem.detail}"
    return "yes" if job.retry_refusal is None else f"no: {job.retry_refusal}", reason

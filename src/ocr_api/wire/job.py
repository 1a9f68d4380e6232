"""The job, as callers see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from ocr_api.jobs import Job, JobStatus, PageRecord, PageResult, PageStatus
from ocr_api.wire.base import WireModel, instant
from ocr_api.wire.problem import ProblemView, problem_view
from ocr_api.wire.result import ResultView, result_view

_WAIT_S = 30
"""The wait that `links.wait` proposes: below the idle time-outs of common proxies (60 s)."""


class JobAccepted(WireModel):
    """The answer to a submission: the file is kept, the work is queued."""

    job_id: str
    status: Literal["pending"] = "pending"
    message: str
    links: dict[str, str]


class JobProgress(WireModel):
    """How far a job has come."""

    pages_total: int | None = Field(
        description="Pages that are read (all, or those of the option `pages`); null until the "
        "document has been opened."
    )
    pages_done: int = Field(description="Pages read so far.")
    pages_failed: int = Field(description="Pages given up so far.")


class FailedPage(WireModel):
    """A page that could not be read, and why."""

    page_number: int
    error: str
    error_detail: ProblemView | None = None


class JobView(WireModel):
    """A job and, once it is completed, its result."""

    id: str
    job_id: str = Field(description="The same as `id`.")
    status: JobStatus
    model: str = Field(description="The model that reads the job; `auto` chooses for each page.")
    requested_model: str
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = Field(
        default=None, description="When the job and its files are removed; null until it has ended."
    )
    filename: str | None = None
    progress: JobProgress
    attempts: int
    partial: bool = Field(default=False, description="Completed, but some pages could not be read.")
    failed_pages: list[FailedPage] = Field(default_factory=list[FailedPage])
    result: ResultView | None = None
    error: str | None = Field(default=None, description="Why the job failed, for people.")
    error_detail: ProblemView | None = Field(
        default=None, description="Why it failed, for programs."
    )
    warnings: list[str]
    metadata: dict[str, object] = Field(description="As it was submitted.")
    links: dict[str, str]


class JobList(WireModel):
    """Jobs, newest first, without their results."""

    jobs: list[JobView]
    next_cursor: str | None = Field(description="Pass it as `cursor` for older jobs; null = none.")


def accepted_view(job: Job) -> JobAccepted:
    """Gives the answer to a submission."""
    return JobAccepted(
        job_id=job.id,
        message=f"Accepted. GET {job_links(job.id)['wait']} answers when the text is there.",
        links=job_links(job.id),
    )


def job_links(job_id: str) -> dict[str, str]:
    """Gives the addresses of a job; `page` and `result` are URI templates (RFC 6570)."""
    itself = f"/ocr/{job_id}"
    return {
        "self": itself,
        "wait": f"{itself}?wait={_WAIT_S}",
        "page": f"{itself}/pages/{{n}}",
        "result": f"{itself}/result{{?format}}",
        "events": f"{itself}/events",
    }


def job_view(
    job: Job,
    records: Sequence[PageRecord] = (),
    results: Sequence[PageResult] | None = None,
    *,
    with_places: bool = True,
) -> JobView:
    """Gives a job as callers see it.

    Args:
        job: As stored.
        records: Its pages, for the reasons of failed ones.
        results: What was read, in order of pages; None = the result is left out.
        with_places: Whether the result holds its pages with their places, or the text alone.
    """
    failed = [_failed_page(page) for page in records if page.status is PageStatus.FAILED]
    completed = job.status is JobStatus.COMPLETED
    view = None
    if completed and results is not None:
        total = job.pages_total or len(results)
        view = result_view(results, total, with_places=with_places)
    problem = job.problem if job.status is JobStatus.FAILED else None
    return JobView.model_validate(
        {
            **_life(job),
            "partial": completed and job.pages_failed > 0,
            "failed_pages": failed if completed else [],
            "result": view,
            "error": None if problem is None else problem.detail,
            "error_detail": None if problem is None else problem_view(problem),
            "warnings": list(job.warnings),
            "metadata": dict(job.options.metadata),
            "links": job_links(job.id),
        }
    )


def job_list_view(jobs: Sequence[Job], next_cursor: str | None) -> JobList:
    """Gives a list of jobs without their results."""
    return JobList(jobs=[job_view(job) for job in jobs], next_cursor=next_cursor)


def _life(job: Job) -> Mapping[str, object]:
    return {
        "id": job.id,
        "job_id": job.id,
        "status": job.status,
        "model": job.model,
        "requested_model": job.requested_model,
        "created_at": instant(job.created_at),
        "updated_at": instant(job.updated_at),
        "started_at": instant(job.started_at),
        "finished_at": instant(job.finished_at),
        "expires_at": instant(job.expires_at),
        "filename": job.filename,
        "progress": _progress(job),
        "attempts": job.attempts,
    }


def _progress(job: Job) -> JobProgress:
    return JobProgress(
        pages_total=None if job.pages is None else job.pages.count,
        pages_done=job.pages_done,
        pages_failed=job.pages_failed,
    )


def _failed_page(page: PageRecord) -> FailedPage:
    problem = page.problem
    return FailedPage(
        page_number=page.number,
        error="The page could not be read." if problem is None else problem.detail,
        error_detail=None if problem is None else problem_view(problem),
    )

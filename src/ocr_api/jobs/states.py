"""The states of jobs and pages, and the ONE table of transitions for each.

The Lua scripts of the store carry these transitions out; a test holds them against these tables.
"""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job stands, as callers see it."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PageStatus(StrEnum):
    """Where the task of reading one page, or of opening the document (task 0), stands."""

    READY = "ready"
    CLAIMED = "claimed"
    DONE = "done"
    FAILED = "failed"


class JobEvent(StrEnum):
    """What can happen to a job."""

    PAGE_STARTED = "page_started"
    DOCUMENT_OPENED = "document_opened"
    ALL_PAGES_ENDED = "all_pages_ended"
    NO_PAGE_READ = "no_page_read"
    CANCELLED = "cancelled"
    RETRIED = "retried"


class PageEvent(StrEnum):
    """What can happen to a page."""

    CLAIMED = "claimed"
    OPENED = "opened"
    ROUTED = "routed"
    RELEASED = "released"
    LEASE_EXPIRED = "lease_expired"
    READ = "read"
    FAILED_FOR_NOW = "failed_for_now"
    FAILED_FOR_GOOD = "failed_for_good"
    RETRIED = "retried"


ENDED = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})

JOB_TRANSITIONS: dict[tuple[JobStatus, JobEvent], JobStatus] = {
    (JobStatus.PENDING, JobEvent.PAGE_STARTED): JobStatus.PROCESSING,
    (JobStatus.PENDING, JobEvent.NO_PAGE_READ): JobStatus.FAILED,
    (JobStatus.PENDING, JobEvent.CANCELLED): JobStatus.CANCELLED,
    (JobStatus.PROCESSING, JobEvent.PAGE_STARTED): JobStatus.PROCESSING,
    (JobStatus.PROCESSING, JobEvent.DOCUMENT_OPENED): JobStatus.PROCESSING,
    (JobStatus.PROCESSING, JobEvent.ALL_PAGES_ENDED): JobStatus.COMPLETED,
    (JobStatus.PROCESSING, JobEvent.NO_PAGE_READ): JobStatus.FAILED,
    (JobStatus.PROCESSING, JobEvent.CANCELLED): JobStatus.CANCELLED,
    (JobStatus.FAILED, JobEvent.RETRIED): JobStatus.PENDING,
    (JobStatus.COMPLETED, JobEvent.RETRIED): JobStatus.PENDING,
}

PAGE_TRANSITIONS: dict[tuple[PageStatus, PageEvent], PageStatus] = {
    (PageStatus.READY, PageEvent.CLAIMED): PageStatus.CLAIMED,
    (PageStatus.READY, PageEvent.FAILED_FOR_GOOD): PageStatus.FAILED,
    (PageStatus.CLAIMED, PageEvent.OPENED): PageStatus.DONE,
    (PageStatus.CLAIMED, PageEvent.ROUTED): PageStatus.CLAIMED,
    (PageStatus.CLAIMED, PageEvent.RELEASED): PageStatus.READY,
    (PageStatus.CLAIMED, PageEvent.LEASE_EXPIRED): PageStatus.READY,
    (PageStatus.CLAIMED, PageEvent.READ): PageStatus.DONE,
    (PageStatus.CLAIMED, PageEvent.FAILED_FOR_NOW): PageStatus.READY,
    (PageStatus.CLAIMED, PageEvent.FAILED_FOR_GOOD): PageStatus.FAILED,
    (PageStatus.FAILED, PageEvent.RETRIED): PageStatus.READY,
}


def job_after(status: JobStatus, event: JobEvent) -> JobStatus | None:
    """Gives the status of a job after an event; None where the event is refused there."""
    return JOB_TRANSITIONS.get((status, event))


def page_after(status: PageStatus, event: PageEvent) -> PageStatus | None:
    """Gives the status of a page after an event; None where the event is refused there."""
    return PAGE_TRANSITIONS.get((status, event))

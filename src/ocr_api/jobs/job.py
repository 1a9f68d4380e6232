"""The job as the service knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ocr_api.errors import OcrApiError, error_class
from ocr_api.jobs.fairness import Priority
from ocr_api.jobs.media_type import MediaType
from ocr_api.jobs.page_ranges import PageRanges
from ocr_api.jobs.states import ENDED, JobStatus, PageStatus


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a job or a page failed, in a form that can be stored.

    Attributes:
        code: Stable code of an error class.
        detail: The sentence for people.
        retryable: Whether the same submission may succeed later.
        page: Number of the page (from 1); None = the whole document.
        facts: Values that help to mend the request.
    """

    code: str
    detail: str
    retryable: bool = False
    page: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict[str, object])

    @classmethod
    def of(cls, error: OcrApiError, *, page: int | None = None) -> Problem:
        """Gives the problem that an error of ours describes."""
        return cls(error.code, error.detail, error.retryable, page, error.facts)

    def to_error(self) -> OcrApiError:
        """Gives an error of the class with this code."""
        return error_class(self.code)(self.detail, **self.facts)


class RetryRefusal(StrEnum):
    """Why a job cannot be tried again."""

    NOTHING_FAILED = "nothing_failed"
    FILE_AT_FAULT = "file_at_fault"
    PASSWORD_NOT_KEPT = "password_not_kept"  # noqa: S105 - a reason, no password


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What the caller chose.

    Attributes:
        languages: ISO 639 codes, most important first; empty = found on the page.
        dpi: Resolution at which a PDF page is rendered (72..600); None = chosen by the service.
        pages: Which pages are to be read; None = all.
        metadata: Echoed in the job.
        webhook_url: Where the end of the job is told; None = nowhere.
        prompt_mode: What a model that takes prompts is asked for; None = its default.
        prompt: The caller's own prompt; None = the one of the mode.
    """

    languages: tuple[str, ...] = ()
    dpi: int | None = None
    pages: PageRanges | None = None
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])
    webhook_url: str | None = None
    prompt_mode: str | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One submission and how far it has come.

    Times are seconds since the epoch (UTC), by the clock of the queue's server once stored.

    Attributes:
        id: Unguessable, URL-safe.
        model: The model that reads it, or `auto`, where each page's model is chosen by its traits.
        requested_model: What the caller asked for, or the default at that moment.
        model_is_default: The caller named no model.
        filename: As given, cleaned for display; never used as a path.
        media_type: Decided by the first bytes.
        size_bytes: Size of the upload.
        upload_key: Where the upload lies in the object store.
        owner: Name of the caller's API key; empty = nobody was asked for one.
        has_password: The caller sent one; the store keeps it apart from the job.
        pages_total: Pages of the document; None until it has been opened.
        pages: The pages that are read; None until the document has been opened.
        priority: Which share of the readers it gets.
        pages_done: Pages read.
        pages_failed: Pages given up.
        pages_retryable: Those of them that may be read another time.
        attempts: Claims of its pages that counted so far.
        expires_at: When the job and its files are removed; None until it has ended.
    """

    id: str
    model: str
    requested_model: str
    media_type: MediaType
    size_bytes: int
    upload_key: str
    filename: str | None = None
    model_is_default: bool = False
    options: JobOptions = field(default_factory=JobOptions)
    owner: str = ""
    has_password: bool = False
    priority: Priority = Priority.NORMAL
    status: JobStatus = JobStatus.PENDING
    created_at: float = 0.0
    updated_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    expires_at: float | None = None
    pages_total: int | None = None
    pages: PageRanges | None = None
    pages_done: int = 0
    pages_failed: int = 0
    pages_retryable: int = 0
    attempts: int = 0
    problem: Problem | None = None
    warnings: tuple[str, ...] = ()

    @property
    def has_ended(self) -> bool:
        """The caller has its answer; only an operator's retry leads on from here."""
        return self.status in ENDED

    @property
    def retry_refusal(self) -> RetryRefusal | None:
        """Why its failed pages cannot be queued again; None = they can."""
        is_partial = self.status is JobStatus.COMPLETED and self.pages_failed > 0
        if self.status is not JobStatus.FAILED and not is_partial:
            return RetryRefusal.NOTHING_FAILED
        if not (self.pages_retryable if is_partial else self.problem and self.problem.retryable):
            return RetryRefusal.FILE_AT_FAULT
        return RetryRefusal.PASSWORD_NOT_KEPT if self.has_password else None

    @property
    def can_be_retried(self) -> bool:
        """Its failed pages can be queued again: the upload is kept until the job expires."""
        return self.retry_refusal is None

    @property
    def keeps_upload(self) -> bool:
        """Somebody may still need the file."""
        return not self.has_ended or self.can_be_retried


@dataclass(frozen=True, slots=True)
class PageRecord:
    """Where one page of a job stands.

    Attributes:
        number: From 1; 0 = the task of opening the document.
        model: The model that reads (or read) it; `auto` until it was routed.
        attempt: The fence: grows with every claim.
        charged: Claims that count against the limit of attempts.
        result_key: Where the committed result lies in the object store; None until it is done.
        problem: Why it failed, or what went wrong at the last attempt.
    """

    number: int
    status: PageStatus
    model: str
    attempt: int = 0
    charged: int = 0
    result_key: str | None = None
    problem: Problem | None = None

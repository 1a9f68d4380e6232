"""What a job is: its states, its pages, its options. Pure."""

from ocr_api.jobs.claim import OPENING, Claim
from ocr_api.jobs.delivery import Delivery, DeliveryState, DeliveryTry
from ocr_api.jobs.fairness import Priority
from ocr_api.jobs.job import Job, JobOptions, PageRecord, Problem, RetryRefusal
from ocr_api.jobs.media_type import (
    MEDIA_TYPES,
    READABLE_TYPES,
    SNIFF_BYTES,
    MediaType,
    sniff_media_type,
)
from ocr_api.jobs.page_ranges import PageRanges
from ocr_api.jobs.result import PageResult
from ocr_api.jobs.states import (
    ENDED,
    JOB_TRANSITIONS,
    PAGE_TRANSITIONS,
    JobEvent,
    JobStatus,
    PageEvent,
    PageStatus,
    job_after,
    page_after,
)

__all__ = [
    "ENDED",
    "JOB_TRANSITIONS",
    "MEDIA_TYPES",
    "OPENING",
    "PAGE_TRANSITIONS",
    "READABLE_TYPES",
    "SNIFF_BYTES",
    "Claim",
    "Delivery",
    "DeliveryState",
    "DeliveryTry",
    "Job",
    "JobEvent",
    "JobOptions",
    "JobStatus",
    "MediaType",
    "PageEvent",
    "PageRanges",
    "PageRecord",
    "PageResult",
    "PageStatus",
    "Priority",
    "Problem",
    "RetryRefusal",
    "job_after",
    "page_after",
    "sniff_media_type",
]

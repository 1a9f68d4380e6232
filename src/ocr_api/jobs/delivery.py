"""The delivery of one event to a caller's webhook."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ocr_api.jobs.states import JobStatus


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class DeliveryTry:
    """One try at a delivery.

    Attributes:
        at: When it began, seconds since the epoch by the queue's clock.
        duration_s: Until the answer or the failure.
        status: HTTP status of the answer; None = there was none.
        error: What went wrong, for people; None = nothing.
        signed: Whether the request carried a signature.
    """

    at: float
    duration_s: float
    status: int | None = None
    error: str | None = None
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event of a job on its way to a receiver.

    Attributes:
        id: The `webhook-id`, the same for every try.
        job_id: Whose event it is.
        job_status: How that job ended.
        filename: Of the job.
        url: Where it goes.
        state: Where it stands.
        created_at: When the job ended; times are seconds since the epoch by the queue's clock.
        due_at: When it is tried next; None once it has ended.
        attempt: The fence: grows with every claim.
        tried: Tries so far, since the last redelivery; an interrupted one counts.
        claimed_at: When the latest claim began.
        ended_at: When the last try was over; None while it is pending.
        body_key: Where its body lies in the object store; None before the first try and after
            the last.
        owner: The job's.
        tries: The latest ones, the oldest first.
    """

    id: str
    job_id: str
    job_status: JobStatus
    url: str
    state: DeliveryState = DeliveryState.PENDING
    filename: str | None = None
    created_at: float = 0.0
    due_at: float | None = None
    attempt: int = 0
    tried: int = 0
    claimed_at: float | None = None
    ended_at: float | None = None
    body_key: str | None = None
    owner: str = ""
    tries: tuple[DeliveryTry, ...] = ()

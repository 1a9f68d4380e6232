"""What a webhook's receiver gets, and how its deliveries stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import Field

from ocr_api.jobs import (
    Delivery,
    DeliveryState,
    DeliveryTry,
    Job,
    JobStatus,
    PageRecord,
    PageResult,
)
from ocr_api.wire.base import WireModel, instant
from ocr_api.wire.job import JobView, job_links, job_view


class JobEvent(JobView):
    """The end of a job: the job as `GET /ocr/{id}` shows it, and what happened to it."""

    type: str = Field(description="`job.completed`, `job.failed` or `job.cancelled`.")
    timestamp: datetime = Field(description="When the job ended.")
    result_omitted: bool = Field(
        description="The result was too large to be sent; `links.self` leads to it."
    )


class RemovedJobEvent(WireModel):
    """The end of a job that was removed, or started again, before it could be told."""

    type: str
    timestamp: datetime
    job_id: str
    status: JobStatus
    filename: str | None
    result: None = None
    error: None = None
    error_detail: None = None
    removed: bool = Field(description="false = it was started again, and will end again.")


class TryView(WireModel):
    """One try at a delivery."""

    at: datetime
    duration_s: float
    status: int | None = Field(description="HTTP status of the answer; null = there was none.")
    error: str | None = Field(description="What went wrong; null = nothing.")
    signed: bool = Field(description="false where the service has no WEBHOOK_SECRET.")


class DeliveryView(WireModel):
    """An event of a job on its way to a receiver."""

    id: str = Field(description="The `webhook-id`, the same for every try.")
    job_id: str
    url: str
    state: DeliveryState = Field(
        description="`failed`: tried as often as is allowed; `gone`: the receiver answered 410."
    )
    created_at: datetime
    next_try_at: datetime | None = Field(description="null once it has ended.")
    ended_at: datetime | None
    tries: list[TryView] = Field(description="The latest ones, the oldest first.")
    links: dict[str, str]


class DeliveryList(WireModel):
    """The deliveries of a job; none before it has ended."""

    deliveries: list[DeliveryView]


def job_event(
    job: Job, records: Sequence[PageRecord], results: Sequence[PageResult] | None
) -> JobEvent:
    """Gives what is told of a job that has ended.

    Args:
        job: As stored.
        records: Its pages.
        results: What was read, in order of pages; None = left out.
    """
    view = job_view(job, records, results)
    return JobEvent.model_validate(
        {
            **view.__dict__,
            "type": f"job.{job.status.value}",
            "timestamp": instant(job.finished_at),
            "result_omitted": job.status is JobStatus.COMPLETED and results is None,
        }
    )


def removed_job_event(delivery: Delivery, *, removed: bool) -> RemovedJobEvent:
    """Gives what is told of an end whose job is no more, or has been started again."""
    return RemovedJobEvent(
        type=f"job.{delivery.job_status.value}",
        timestamp=instant(delivery.created_at),
        job_id=delivery.job_id,
        status=delivery.job_status,
        filename=delivery.filename,
        removed=removed,
    )


def delivery_view(delivery: Delivery) -> DeliveryView:
    """Gives one delivery as callers see it."""
    return DeliveryView(
        id=delivery.id,
        job_id=delivery.job_id,
        url=delivery.url,
        state=delivery.state,
        created_at=instant(delivery.created_at),
        next_try_at=instant(delivery.due_at),
        ended_at=instant(delivery.ended_at),
        tries=[_try_view(made) for made in delivery.tries],
        links={
            "job": job_links(delivery.job_id)["self"],
            "redeliver": f"/ocr/{delivery.job_id}/webhooks/{delivery.id}/redeliver",
        },
    )


def delivery_list_view(deliveries: Iterable[Delivery]) -> DeliveryList:
    """Gives the deliveries of a job as callers see them."""
    return DeliveryList(deliveries=[delivery_view(delivery) for delivery in deliveries])


def _try_view(made: DeliveryTry) -> TryView:
    return TryView(
        at=instant(made.at),
        duration_s=round(made.duration_s, 3),
        status=made.status,
        error=made.error,
        signed=made.signed,
    )

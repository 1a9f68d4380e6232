"""What happened to a job, as listeners see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field

from ocr_api.jobs import ENDED, JobStatus
from ocr_api.wire.base import WireModel, instant
from ocr_api.wire.job import JobProgress


class JobEventView(WireModel):
    """The `data` of an event; the event's name tells which change it is about."""

    at: datetime
    status: JobStatus
    progress: JobProgress
    page_number: int | None = Field(default=None, description="Of events named `page`.")
    page_status: Literal["completed", "failed"] | None = None


class TextEventView(WireModel):
    """The `data` of an event named `text`: text of a page while it is generated.

    It is not kept: such an event has no id, and a caller that comes back gets the text of the
    pages that are being read then from their beginning.
    """

    page_number: int
    attempt: int = Field(description="Of the page; a new one begins the text anew.")
    offset: int = Field(
        description="Characters of this page sent before; 0 = forget those, the text begins here."
    )
    text: str


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One event of a stream.

    Attributes:
        number: The event's id, from 1.
        kind: `status`, `progress` or `page`.
        data: What is sent.
    """

    number: int
    kind: str
    data: JobEventView

    @property
    def is_final(self) -> bool:
        """The job has ended by this event."""
        return self.kind == "status" and self.data.status in ENDED


def event_view(number: int, stored: bytes) -> LoggedEvent:
    """Gives a stored event as listeners see it; members of newer versions are passed over."""
    facts = json.loads(stored)
    data = JobEventView(
        at=instant(float(facts["at"])),
        status=JobStatus(facts["status"]),
        progress=JobProgress(
            pages_total=facts["pages_total"],
            pages_done=facts["pages_done"],
            pages_failed=facts["pages_failed"],
        ),
        page_number=facts.get("page_number"),
        page_status=facts.get("page_status"),
    )
    return LoggedEvent(number, facts["event"], data)

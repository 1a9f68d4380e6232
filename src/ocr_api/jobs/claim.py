"""A worker's right to work on one page, for a while."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_api.jobs.job import Job

OPENING = 0
"""Number of the task that opens a document and finds out how many pages it has."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One page of one job, claimed by one worker under a lease.

    Attributes:
        job: As it stood when the page was claimed.
        page_number: From 1; `OPENING` = the document is to be opened.
        attempt: The fence; every write of the worker carries it, and a stale one changes nothing.
        charged: Claims that count against the limit, this one included (1 = first try).
        model: The model that the page waits for; `auto` = to be routed.
        worker_id: The claimer.
        left_s: Seconds that the page may still take; None = without a limit.
        route_reason: Why `auto` chose the model; empty = it did not.
    """

    job: Job
    page_number: int
    attempt: int
    charged: int
    model: str
    worker_id: str
    left_s: float | None = None
    route_reason: str = ""

    @property
    def is_opening(self) -> bool:
        """The document is to be opened, not a page to be read."""
        return self.page_number == OPENING

    @property
    def name(self) -> str:
        """Names the claim in the store and in logs: `<job>:<page>:<attempt>`."""
        return f"{self.job.id}:{self.page_number}:{self.attempt}"

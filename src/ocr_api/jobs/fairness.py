"""Who is next: the ranks of ready pages and the shares of priorities. Pure.

Two levels, after start-time fair queueing (Goyal, Vin, Cheng 1996). Between priorities, each page
started moves its class on by a stride, and the class that is furthest behind is next: none
starves. Within a priority, the page with the lowest rank is next; a job's pages stand one step
apart from each other, beginning where the clock stands when the job comes in, so that jobs take
turns page by page. The scripts of the store carry this out; a test holds them against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Priority(StrEnum):
    """How urgent a job is to its caller."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


STRIDES: Mapping[Priority, int] = {Priority.HIGH: 1, Priority.NORMAL: 4, Priority.LOW: 16}
"""What a page costs its class: of 21 pages, high gets 16, normal 4, low 1, where all wait."""

PAGE_STEP = 1024
"""Distance in rank between two pages of one job."""

ARRIVAL_STEP = 32
"""How far each new job moves the clock: jobs start in the order they came in, and a long job
reads at least one page for every 32 (`PAGE_STEP / ARRIVAL_STEP`) new ones, however many come."""

CLASS_BASES: Mapping[Priority, int] = {
    Priority.HIGH: 0,
    Priority.NORMAL: 2**51,
    Priority.LOW: 2**52,
}
"""Where the ranks of a class begin in a ready set; doubles hold whole numbers up to 2**53."""


def first_rank(clock: int) -> int:
    """Gives the rank of a new job's first page, which is also where the clock stands then."""
    return clock + ARRIVAL_STEP


def following_rank(clock: int, last: int) -> int:
    """Gives the rank of a job's next page.

    Args:
        clock: Of its class.
        last: The highest rank given to a page of this job.
    """
    return max(clock, last + PAGE_STEP)


def clock_after_claim(clock: int, rank: int) -> int:
    """Gives the clock once the page of a rank was claimed; it never goes back."""
    return max(clock, rank)


def next_class(
    waiting: Iterable[Priority], passes: Mapping[Priority, int], clock: int
) -> tuple[Priority, int, int]:
    """Chooses between classes that have pages waiting.

    Args:
        waiting: At least one class.
        passes: How far each class has come; a class not named stands at 0.
        clock: How far the class stood that was chosen last.

    Returns:
        The class, how far it comes by that, and the clock thereafter. A class that was idle
        begins at the clock: it saves nothing up.
    """
    starts = {found: max(passes.get(found, 0), clock) for found in waiting}
    chosen = min(starts, key=lambda found: (starts[found], STRIDES[found]))
    return chosen, starts[chosen] + STRIDES[chosen], starts[chosen]

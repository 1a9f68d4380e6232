"""The ranking rule: first come, first served; turns between jobs; shares between priorities."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_api.jobs import Priority
from ocr_api.jobs.fairness import (
    ARRIVAL_STEP,
    PAGE_STEP,
    STRIDES,
    clock_after_claim,
    first_rank,
    following_rank,
    next_class,
)

TURNS = PAGE_STEP // ARRIVAL_STEP


@dataclass
class Line:
    """The pages of one class that wait: (rank, job, page)."""

    clock: int = 0
    pages: list[tuple[int, int, int]] = field(default_factory=list)

    def arrive(self, job: int, pages: int) -> None:
        rank = self.clock = first_rank(self.clock)
        for page in range(pages):
            heapq.heappush(self.pages, (rank, job, page))
            rank = following_rank(self.clock, rank)

    def claim(self) -> tuple[int, int]:
        rank, job, page = heapq.heappop(self.pages)
        self.clock = clock_after_claim(self.clock, rank)
        return job, page


lives = st.lists(st.one_of(st.none(), st.integers(1, 12)), max_size=60)
"""A number = a job of so many pages comes in, None = a page is claimed."""


@given(lives)
def test_jobs_of_one_page_start_in_the_order_in_which_they_came(life: list[int | None]) -> None:
    line, came, started = Line(), 0, []
    for event in life:
        if event is not None:
            line.arrive(came, 1)
            came += 1
        elif line.pages:
            started.append(line.claim()[0])
    assert started == sorted(started)


@given(lives)
def test_jobs_start_in_order_and_their_pages_too(life: list[int | None]) -> None:
    line, came = Line(), 0
    claimed: list[tuple[int, int]] = []
    for event in [*life, *([None] * 500)]:
        if event is not None:
            line.arrive(came, event)
            came += 1
        elif line.pages:
            claimed.append(line.claim())
    first = [job for job, page in claimed if page == 0]
    assert first == list(range(came))
    for job in range(came):
        pages = [page for found, page in claimed if found == job]
        assert pages == list(range(len(pages)))


@given(st.integers(2, 500), st.integers(0, 499), st.integers(1, 20))
def test_short_jobs_behind_a_long_one_wait_for_a_page_or_two(
    pages: int, read: int, short: int
) -> None:
    line = Line()
    line.arrive(0, pages)
    for _ in range(min(read, pages)):
        line.claim()
    for number in range(short):
        line.arrive(1 + number, 1)
    claimed = [line.claim()[0] for _ in range(min(len(line.pages), short + 2))]
    assert len([job for job in claimed if job != 0]) >= short - 1
    assert claimed.count(0) <= 2


@settings(deadline=None)
@given(st.integers(1, 10), st.integers(1, 5))
def test_long_job_is_not_starved_by_short_ones_that_keep_coming(pages: int, ahead: int) -> None:
    line = Line()
    line.arrive(0, pages)
    claimed: list[int] = []
    for number in range((TURNS + 2) * pages * ahead):
        for more in range(ahead):
            line.arrive(1 + number * ahead + more, 1)
        claimed.append(line.claim()[0])
    assert claimed.count(0) == pages


@given(st.sets(st.sampled_from(list(Priority)), min_size=2), st.integers(1, 10))
def test_classes_that_wait_share_by_their_strides(classes: set[Priority], rounds: int) -> None:
    passes, clock = dict.fromkeys(classes, 0), 0
    counts: Counter[Priority] = Counter()
    for _ in range(rounds * sum(16 // STRIDES[found] for found in classes)):
        chosen, passes[chosen], clock = next_class(classes, passes, clock)
        counts[chosen] += 1
    for found in classes:
        assert abs(counts[found] - rounds * 16 // STRIDES[found]) <= 2


@given(st.lists(st.sets(st.sampled_from(list(Priority)), min_size=1), max_size=200))
def test_no_class_starves_and_none_saves_up(waits: list[set[Priority]]) -> None:
    passes: dict[Priority, int] = {}
    clock, waited = 0, Counter[Priority]()
    for waiting in waits:
        chosen, passes[chosen], clock = next_class(waiting, passes, clock)
        for found in Priority:
            waited[found] = waited[found] + 1 if found in waiting and found != chosen else 0
        assert max(waited.values()) <= 2 * 21

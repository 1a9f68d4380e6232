"""The scripts against the tables of `jobs/states.py`: random lives of jobs, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import TypeVar, cast

import pytest
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ocr_api.jobs import (
    ENDED,
    Claim,
    JobEvent,
    JobStatus,
    PageEvent,
    PageRanges,
    PageStatus,
    job_after,
    page_after,
)
from ocr_api.jobs.fairness import clock_after_claim, first_rank, following_rank
from ocr_api.store import CancelOutcome, FailOutcome, JobStore, StoreLimits, connect, keys
from tests.store.samples import PROBLEM, make_job

MAX_ATTEMPTS = 2
LANES = ("auto", "tesseract", "qari")
MOST_LIVING = 2
T = TypeVar("T")


@dataclass
class Task:
    """What the tables say about one task: a page, or the opening of the document."""

    lane: str
    status: PageStatus = PageStatus.READY
    attempt: int = 0
    charged: int = 0
    rank: int = 0
    is_delayed: bool = False

    def happen(self, event: PageEvent) -> None:
        after = page_after(self.status, event)
        assert after is not None
        self.status = after


@dataclass
class Life:
    """What the tables say about one job: its task 0 opens the document, the others are pages."""

    tasks: dict[int, Task]
    job: JobStatus = JobStatus.PENDING
    last_rank: int = 0
    earlier: int = 0

    def happen(self, event: JobEvent) -> None:
        after = job_after(self.job, event)
        assert after is not None
        self.job = after

    def has_ended(self) -> bool:
        return self.job in ENDED

    def count(self, status: PageStatus) -> int:
        return sum(task.status is status for number, task in self.tasks.items() if number > 0)

    def open(self, numbers: list[int], clock: int) -> None:
        opening = self.tasks[0]
        opening.happen(PageEvent.OPENED)
        opening.charged -= 1
        self.happen(JobEvent.DOCUMENT_OPENED)
        self.tasks |= {number: Task(opening.lane, rank=opening.rank) for number in numbers}
        for number in numbers[1:]:
            self.last_rank = following_rank(clock, self.last_rank)
            self.tasks[number].rank = self.last_rank
        self.start(numbers[0])

    def start(self, number: int) -> None:
        task = self.tasks[number]
        task.happen(PageEvent.CLAIMED)
        task.attempt += 1
        task.charged += 1
        self.happen(JobEvent.PAGE_STARTED)

    def fail(self, number: int) -> None:
        self.tasks[number].happen(PageEvent.FAILED_FOR_GOOD)
        if number == 0:
            self.happen(JobEvent.NO_PAGE_READ)
        else:
            self.end_if_all_have_ended()

    def read(self, number: int) -> None:
        self.tasks[number].happen(PageEvent.READ)
        self.end_if_all_have_ended()

    def end_if_all_have_ended(self) -> None:
        done, failed = self.count(PageStatus.DONE), self.count(PageStatus.FAILED)
        if done + failed == len(self.tasks) - 1:
            self.happen(JobEvent.ALL_PAGES_ENDED if done else JobEvent.NO_PAGE_READ)

    def retry(self, clock: int) -> int:
        """Queues all failed tasks anew; gives where the clock stands then."""
        self.happen(JobEvent.RETRIED)
        self.last_rank = 0
        for _, task in sorted(self.tasks.items()):
            if task.status is PageStatus.FAILED:
                task.happen(PageEvent.RETRIED)
                self.earlier += task.charged
                task.charged = 0
                task.is_delayed = False
                clock, task.rank = self.next_rank(clock)
        return clock

    def next_rank(self, clock: int) -> tuple[int, int]:
        """Gives the clock, and the rank of the job's next task."""
        if self.last_rank:
            self.last_rank = following_rank(clock, self.last_rank)
        else:
            clock = self.last_rank = first_rank(clock)
        return clock, self.last_rank

    def is_held_by(self, claim: Claim) -> bool:
        task = self.tasks[claim.page_number]
        is_claimed = task.status is PageStatus.CLAIMED and claim.attempt == task.attempt
        return is_claimed and not self.has_ended()


async def _wait_for(work: Awaitable[T]) -> T:
    return await work


class QueueMachine(RuleBasedStateMachine):
    """Workers that do anything at any time, late ones among them."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.redis = connect(self.url)
        self.lives: dict[str, Life] = {}
        self.clock = 0
        self.claims: list[Claim] = []
        limits = StoreLimits(
            lease_s=1000, max_attempts=MAX_ATTEMPTS, retry_backoff_s=(1000,), pages_at_once=2
        )
        self.store = JobStore(self.redis, limits)
        self.run(self.redis.flushall())

    def run(self, work: Awaitable[T]) -> T:
        return self.runner.run(_wait_for(work))

    def count_living(self) -> int:
        return sum(not life.has_ended() for life in self.lives.values())

    def members(self, key: str) -> list[bytes]:
        return cast("list[bytes]", self.run(self.redis.zrange(key, 0, -1)))

    def teardown(self) -> None:
        self.run(self.redis.aclose())
        self.runner.close()

    @precondition(lambda self: self.count_living() < MOST_LIVING)
    @rule(lane=st.sampled_from(LANES))
    def create(self, lane: str) -> None:
        job_id = f"job-{len(self.lives):03}"
        self.run(self.store.create(make_job(job_id, lane)))
        life = self.lives[job_id] = Life({0: Task(lane)})
        self.clock, life.tasks[0].rank = life.next_rank(self.clock)

    @rule(lanes=st.sets(st.sampled_from(LANES), min_size=1))
    def claim(self, lanes: set[str]) -> None:
        claim = self.run(self.store.claim("worker", sorted(lanes)))
        expected = self.take_next(lanes)
        assert (claim and (claim.job.id, claim.page_number)) == expected
        if claim is not None:
            self.check_claim(claim)

    def take_next(self, lanes: set[str]) -> tuple[str, int] | None:
        """The ready task of the lowest rank; worn-out ones fail on the way."""
        while ready := sorted(self.ready(lanes)):
            rank, job_id, number = ready[0]
            life = self.lives[job_id]
            if life.tasks[number].charged < MAX_ATTEMPTS:
                life.start(number)
                self.clock = clock_after_claim(self.clock, rank)
                return job_id, number
            life.fail(number)
        return None

    def ready(self, lanes: set[str]) -> list[tuple[int, str, int]]:
        return [
            (task.rank, job_id, number)
            for job_id, life in self.lives.items()
            for number, task in life.tasks.items()
            if task.status is PageStatus.READY and not task.is_delayed
            if task.lane in lanes and not life.has_ended()
        ]

    def check_claim(self, claim: Claim) -> None:
        task = self.lives[claim.job.id].tasks[claim.page_number]
        assert (claim.attempt, claim.charged) == (task.attempt, task.charged)
        self.claims.append(claim)

    def pick(self, data: st.DataObject) -> tuple[Claim, Life, Task, bool]:
        claim = data.draw(st.sampled_from(self.claims[-4:]))
        life = self.lives[claim.job.id]
        return claim, life, life.tasks[claim.page_number], life.is_held_by(claim)

    def pick_page(self, data: st.DataObject) -> tuple[Claim, Life, Task, bool]:
        assume(any(not claim.is_opening for claim in self.claims[-4:]))
        pages = [claim for claim in self.claims[-4:] if not claim.is_opening]
        claim = data.draw(st.sampled_from(pages))
        life = self.lives[claim.job.id]
        return claim, life, life.tasks[claim.page_number], life.is_held_by(claim)

    @precondition(lambda self: any(claim.is_opening for claim in self.claims))
    @rule(data=st.data(), numbers=st.sets(st.integers(1, 12), min_size=1, max_size=5))
    def open(self, data: st.DataObject, numbers: set[int]) -> None:
        openings = [claim for claim in self.claims if claim.is_opening]
        claim = data.draw(st.sampled_from(openings[-3:]))
        life = self.lives[claim.job.id]
        pages = PageRanges.of((number, number) for number in numbers)
        is_held = life.is_held_by(claim)
        known = list(life.tasks)
        following = self.run(self.store.open(claim, pages_total=12, pages=pages))
        if is_held:
            life.open(sorted(numbers), self.clock)
            assert following is not None
            assert following.page_number == min(numbers)
            self.check_claim(following)
        else:
            assert list(life.tasks) == known
            self.check_repeated_opening(claim, life, following)

    def check_repeated_opening(self, claim: Claim, life: Life, following: Claim | None) -> None:
        """A lost answer is given again, as long as nobody else had the page."""
        opening = life.tasks[0]
        was_ours = opening.status is PageStatus.DONE and opening.attempt == claim.attempt
        first = min((number for number in life.tasks if number), default=0)
        task = life.tasks[first]
        if was_ours and not life.has_ended() and first:
            is_first = task.status is PageStatus.CLAIMED and task.attempt == 1
            assert (following is not None) == is_first
        else:
            assert following is None

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), model=st.sampled_from(LANES), keep=st.booleans())
    def route(self, data: st.DataObject, model: str, *, keep: bool) -> None:
        claim, _, task, is_held = self.pick_page(data)
        assert self.run(self.store.route(claim, model=model, keep=keep)) == is_held
        if is_held:
            task.lane = model
            task.happen(PageEvent.ROUTED)
            if not keep:
                task.happen(PageEvent.RELEASED)
                task.charged -= 1

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        claim, life, task, is_held = self.pick_page(data)
        is_repeat = task.status is PageStatus.DONE and task.attempt == claim.attempt
        done = self.run(self.store.finish(claim, f"results/{claim.name}"))
        assert done == (is_held or is_repeat)
        if is_held:
            life.read(claim.page_number)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), final=st.booleans())
    def fail(self, data: st.DataObject, *, final: bool) -> None:
        claim, life, task, is_held = self.pick(data)
        outcome = self.run(self.store.fail(claim, PROBLEM, final=final))
        if not is_held:
            assert outcome is FailOutcome.STALE
        elif final or task.charged >= MAX_ATTEMPTS:
            assert outcome is FailOutcome.FAILED
            life.fail(claim.page_number)
        else:
            assert outcome is FailOutcome.RETRY
            task.happen(PageEvent.FAILED_FOR_NOW)
            task.is_delayed = True

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), charge=st.booleans())
    def release(self, data: st.DataObject, *, charge: bool) -> None:
        claim, _, task, is_held = self.pick(data)
        assert self.run(self.store.release(claim, charge=charge)) == is_held
        if is_held:
            task.happen(PageEvent.RELEASED)
            task.charged -= 0 if charge else 1

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        claim, _, _, is_held = self.pick(data)
        assert self.run(self.store.renew("worker", [claim])) == ({claim.name} if is_held else set())

    @precondition(lambda self: self.lives)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.lives)))
        life = self.lives[job_id]
        outcome = self.run(self.store.cancel(job_id))
        after = job_after(life.job, JobEvent.CANCELLED)
        assert (outcome is CancelOutcome.CANCELLED) == (after is not None)
        if after is not None:
            life.job = after

    @precondition(lambda self: self.lives)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.lives)))
        life = self.lives[job_id]
        retried = self.run(self.store.retry(job_id))
        if life.job is JobStatus.FAILED:
            failed = [task for task in life.tasks.values() if task.status is PageStatus.FAILED]
            assert retried == len(failed)
            self.clock = life.retry(self.clock)
        else:
            assert retried == -1

    @rule()
    def time_passes(self) -> None:
        """Every lease expires, and every wait before a retry is over."""
        for key in (keys.LEASES, keys.DELAYED):
            for task_name in self.members(key):
                self.run(self.redis.zadd(key, {task_name: 1}))
        held = [
            (life, number)
            for life in self.lives.values()
            for number, task in sorted(life.tasks.items())
            if task.status is PageStatus.CLAIMED and not life.has_ended()
        ]
        assert self.run(self.store.reclaim_expired()) == len(held)
        for life in self.lives.values():
            for task in life.tasks.values():
                task.is_delayed = False
        for life, number in held:
            if life.tasks[number].charged >= MAX_ATTEMPTS:
                life.fail(number)
            else:
                life.tasks[number].happen(PageEvent.LEASE_EXPIRED)

    @invariant()
    def server_agrees_with_tables(self) -> None:
        for job_id, life in self.lives.items():
            job = self.run(self.store.get(job_id))
            assert job.status == life.job
            numbers = sorted(number for number in life.tasks if number)
            assert list(job.pages or ()) == numbers
            for number, task in life.tasks.items():
                page = self.run(self.store.page(job_id, number))
                assert page is not None
                assert (page.status, page.attempt, page.charged, page.model) == (
                    *(task.status, task.attempt, task.charged),
                    task.lane,
                )
            charged = sum(task.charged for task in life.tasks.values())
            assert job.attempts == life.earlier + charged
            assert (job.pages_done, job.pages_failed) == (
                life.count(PageStatus.DONE),
                life.count(PageStatus.FAILED),
            )
            if life.has_ended():
                assert (job.problem is None) == (life.job is not JobStatus.FAILED)

    @invariant()
    def every_task_is_in_one_place(self) -> None:
        places = self.members(keys.LEASES)
        places += self.members(keys.DELAYED)
        for lane in LANES:
            places += self.members(keys.READY + lane)
        living = {
            f"{job_id}:{number:05}".encode()
            for job_id, life in self.lives.items()
            for number, task in life.tasks.items()
            if task.status in {PageStatus.READY, PageStatus.CLAIMED} and not life.has_ended()
        }
        assert sorted(places) == sorted(living)


@pytest.fixture
def machine(server_url: str) -> Iterator[type[QueueMachine]]:
    yield type("Machine", (QueueMachine,), {"url": server_url})


def test_scripts_agree_with_the_tables_of_states(machine: type[QueueMachine]) -> None:
    run = machine.TestCase
    run.settings = settings(
        max_examples=25,
        stateful_step_count=40,
        deadline=None,
        phases=(Phase.reuse, Phase.generate),  # shrinking takes minutes on a real server
        suppress_health_check=list(HealthCheck),
    )
    run().runTest()

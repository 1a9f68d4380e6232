# ruff: noqa: D102 - rules tell what they do by their names
"""The scripts against the tables of `jobs/states.py`: random lives of jobs, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import TypeVar, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ocr_api.jobs import (
    ENDED,
    Claim,
    JobEvent,
    JobStatus,
    PageEvent,
    PageStatus,
    job_after,
    page_after,
)
from ocr_api.store import CancelOutcome, FailOutcome, JobStore, StoreLimits, connect, keys
from tests.store.samples import PROBLEM, make_job

MAX_ATTEMPTS = 2
LANES = ("auto", "tesseract", "qari")
MOST_LIVING = 2
T = TypeVar("T")


@dataclass
class Life:
    """What the tables say about one job of one page."""

    job: JobStatus = JobStatus.PENDING
    page: PageStatus = PageStatus.READY
    lane: str = "auto"
    attempt: int = 0
    charged: int = 0
    earlier: int = 0
    is_delayed: bool = False

    def happen(self, page_event: PageEvent, job_event: JobEvent | None = None) -> None:
        after = page_after(self.page, page_event)
        assert after is not None
        self.page = after
        if job_event is not None:
            job = job_after(self.job, job_event)
            assert job is not None
            self.job = job

    def fail(self) -> None:
        self.happen(PageEvent.FAILED_FOR_GOOD, JobEvent.NO_PAGE_READ)

    def is_held_by(self, claim: Claim) -> bool:
        is_claimed = self.page is PageStatus.CLAIMED and self.job not in ENDED
        return is_claimed and claim.attempt == self.attempt


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
        self.claims: list[Claim] = []
        limits = StoreLimits(lease_s=1000, max_attempts=MAX_ATTEMPTS, retry_backoff_s=(1000,))
        self.store = JobStore(self.redis, limits)
        self.run(self.redis.flushall())

    def run(self, work: Awaitable[T]) -> T:
        return self.runner.run(_wait_for(work))

    def count_living(self) -> int:
        return sum(life.job not in ENDED for life in self.lives.values())

    def members(self, key: str) -> list[bytes]:
        return cast("list[bytes]", self.run(self.redis.zrange(key, 0, -1)))

    def teardown(self) -> None:
        self.run(self.redis.aclose())
        self.runner.close()

    @precondition(lambda self: self.count_living() < MOST_LIVING)
    @rule(lane=st.sampled_from(LANES))
    def create(self, lane: str) -> None:
        job_id = f"job-{len(self.lives)}"
        self.run(self.store.create(make_job(job_id, lane)))
        self.lives[job_id] = Life(lane=lane)

    @rule(lanes=st.sets(st.sampled_from(LANES), min_size=1))
    def claim(self, lanes: set[str]) -> None:
        claim = self.run(self.store.claim("worker", sorted(lanes)))
        expected = None
        for job_id, life in self.lives.items():
            is_waiting = life.page is PageStatus.READY and life.job not in ENDED
            is_ready = is_waiting and not life.is_delayed
            if expected is not None or not is_ready or life.lane not in lanes:
                continue
            if life.charged >= MAX_ATTEMPTS:
                life.fail()
            else:
                expected = job_id
        assert (None if claim is None else claim.job.id) == expected
        if claim is not None:
            life = self.lives[claim.job.id]
            life.happen(PageEvent.CLAIMED, JobEvent.PAGE_STARTED)
            life.attempt += 1
            life.charged += 1
            assert (claim.attempt, claim.charged) == (life.attempt, life.charged)
            self.claims.append(claim)

    def pick(self, data: st.DataObject) -> tuple[Claim, Life, bool]:
        claim = data.draw(st.sampled_from(self.claims[-4:]))
        life = self.lives[claim.job.id]
        return claim, life, life.is_held_by(claim)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), model=st.sampled_from(LANES), keep=st.booleans())
    def route(self, data: st.DataObject, model: str, *, keep: bool) -> None:
        claim, life, is_held = self.pick(data)
        done = self.run(self.store.route(claim, model=model, pages_total=1, keep=keep))
        assert done == is_held
        if is_held:
            life.lane = model
            life.happen(PageEvent.ROUTED)
            if not keep:
                life.happen(PageEvent.RELEASED)
                life.charged -= 1

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        claim, life, is_held = self.pick(data)
        is_repeat = life.page is PageStatus.DONE and life.attempt == claim.attempt
        done = self.run(self.store.finish(claim, f"results/{claim.name}"))
        assert done == (is_held or is_repeat)
        if is_held:
            life.happen(PageEvent.READ, JobEvent.ALL_PAGES_ENDED)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), final=st.booleans())
    def fail(self, data: st.DataObject, *, final: bool) -> None:
        claim, life, is_held = self.pick(data)
        outcome = self.run(self.store.fail(claim, PROBLEM, final=final))
        if not is_held:
            assert outcome is FailOutcome.STALE
        elif final or life.charged >= MAX_ATTEMPTS:
            assert outcome is FailOutcome.FAILED
            life.fail()
        else:
            assert outcome is FailOutcome.RETRY
            life.happen(PageEvent.FAILED_FOR_NOW)
            life.is_delayed = True

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), charge=st.booleans())
    def release(self, data: st.DataObject, *, charge: bool) -> None:
        claim, life, is_held = self.pick(data)
        assert self.run(self.store.release(claim, charge=charge)) == is_held
        if is_held:
            life.happen(PageEvent.RELEASED)
            life.charged -= 0 if charge else 1

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        claim, _, is_held = self.pick(data)
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
        assert retried == (1 if life.job is JobStatus.FAILED else -1)
        if retried == 1:
            life.happen(PageEvent.RETRIED, JobEvent.RETRIED)
            life.earlier += life.charged
            life.charged = 0
            life.is_delayed = False
            self.lives[job_id] = self.lives.pop(job_id)  # it queues again, behind all others

    @rule()
    def time_passes(self) -> None:
        """Every lease expires, and every wait before a retry is over."""
        for key in (keys.LEASES, keys.DELAYED):
            for task in self.members(key):
                self.run(self.redis.zadd(key, {task: 1}))
        held = [
            life
            for life in self.lives.values()
            if life.page is PageStatus.CLAIMED and life.job not in ENDED
        ]
        assert self.run(self.store.reclaim_expired()) == len(held)
        for life in self.lives.values():
            life.is_delayed = False
        for life in held:
            if life.charged >= MAX_ATTEMPTS:
                life.fail()
            else:
                life.happen(PageEvent.LEASE_EXPIRED)

    @invariant()
    def server_agrees_with_tables(self) -> None:
        for job_id, life in self.lives.items():
            job = self.run(self.store.get(job_id))
            page = self.run(self.store.page(job_id, 1))
            assert page is not None
            assert (job.status, page.status) == (life.job, life.page)
            assert (page.attempt, page.charged, page.model) == (
                life.attempt,
                life.charged,
                life.lane,
            )
            assert job.attempts == life.earlier + life.charged
            assert (job.pages_done, job.pages_failed) == (
                int(life.page is PageStatus.DONE),
                int(life.page is PageStatus.FAILED),
            )
            assert (job.problem is None) == (life.job is not JobStatus.FAILED)

    @invariant()
    def every_page_is_in_one_place(self) -> None:
        places = self.members(keys.LEASES)
        places += self.members(keys.DELAYED)
        for lane in LANES:
            places += self.members(keys.READY + lane)
        living = {
            f"{job_id}:1".encode() for job_id, life in self.lives.items() if life.job not in ENDED
        }
        assert sorted(places) == sorted(living)


@pytest.fixture
def machine(server_url: str) -> Iterator[type[QueueMachine]]:
    yield type("Machine", (QueueMachine,), {"url": server_url})


def test_scripts_agree_with_the_tables_of_states(machine: type[QueueMachine]) -> None:
    run = machine.TestCase
    run.settings = settings(
        max_examples=40,
        stateful_step_count=40,
        deadline=None,
        phases=(Phase.reuse, Phase.generate),  # shrinking takes minutes on a real server
        suppress_health_check=list(HealthCheck),
    )
    run().runTest()

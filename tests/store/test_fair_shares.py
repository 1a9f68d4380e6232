# ruff: noqa: S311 - a model in memory; chance of no secret
"""Who is claimed next, on a real server: held against the pure rule."""

from __future__ import annotations

import random

import pytest
from redis.asyncio import Redis

from ocr_api.jobs import JobStatus, Priority
from ocr_api.jobs.fairness import (
    clock_after_claim,
    first_rank,
    following_rank,
    next_class,
)
from ocr_api.store import JobStore, StoreLimits
from tests.store.samples import make_job, must_claim, must_open

pytestmark = pytest.mark.anyio


class Model:
    """The rule of `jobs/fairness.py`, carried out in memory."""

    def __init__(self) -> None:
        self.clocks = dict.fromkeys(Priority, 0)
        self.ready: dict[Priority, list[tuple[int, str, int]]] = {found: [] for found in Priority}
        self.passes: dict[Priority, int] = {}
        self.clock = 0
        self.pages: dict[str, int] = {}

    def create(self, job_id: str, priority: Priority, pages: int) -> None:
        rank = self.clocks[priority] = first_rank(self.clocks[priority])
        self.ready[priority].append((rank, job_id, 0))
        self.pages[job_id] = pages

    def claim(self) -> tuple[str, int] | None:
        waiting = [found for found in Priority if self.ready[found]]
        if not waiting:
            return None
        chosen = waiting[0]
        if len(waiting) > 1:
            chosen, self.passes[chosen], self.clock = next_class(waiting, self.passes, self.clock)
        rank, job_id, number = min(self.ready[chosen])
        self.ready[chosen].remove((rank, job_id, number))
        self.clocks[chosen] = clock_after_claim(self.clocks[chosen], rank)
        return (job_id, number) if number else self.open(chosen, job_id, rank)

    def open(self, priority: Priority, job_id: str, rank: int) -> tuple[str, int]:
        """The first page goes on in the turn of the opening; the others queue."""
        for number in range(2, self.pages[job_id] + 1):
            rank = following_rank(self.clocks[priority], rank)
            self.ready[priority].append((rank, job_id, number))
        return job_id, 1


@pytest.mark.parametrize("seed", range(6))
async def test_server_claims_in_the_order_of_the_rule(redis: Redis, seed: int) -> None:
    store = JobStore(redis, StoreLimits(pages_at_once=3))
    chance, model = random.Random(seed), Model()
    for step in range(150):
        if chance.random() < 0.3:
            job_id, pages = f"{step:04}", chance.choice([1, 1, 1, 2, 7])
            priority, lane = chance.choice(list(Priority)), chance.choice("ab")
            await store.create(make_job(job_id, lane, priority))
            model.create(job_id, priority, pages)
        else:
            claim = await store.claim("worker", ["a", "b"])
            if claim is not None and claim.is_opening:
                claim = await must_open(store, claim, model.pages[claim.job.id])
            assert (claim and (claim.job.id, claim.page_number)) == model.claim()


async def test_one_page_job_behind_500_pages_is_next(store: JobStore) -> None:
    await store.create(make_job("long"))
    for _ in range(10):
        assert (await must_claim(store, pages_total=500)).job.id == "long"
    await store.create(make_job("short"))
    assert "short" in [(await must_claim(store)).job.id for _ in range(2)]


async def test_low_priority_is_not_starved_by_high(store: JobStore) -> None:
    await store.create(make_job("low", priority=Priority.LOW))
    claimed: list[str] = []
    for number in range(20):
        await store.create(make_job(f"high-{number}", priority=Priority.HIGH))
        await store.create(make_job(f"more-{number}", priority=Priority.HIGH))
        claimed.append((await must_claim(store)).job.id)
    assert "low" in claimed


async def test_high_priority_overtakes_those_that_wait(store: JobStore) -> None:
    for number in range(30):
        await store.create(make_job(f"normal-{number}"))
    await store.create(make_job("high", priority=Priority.HIGH))
    assert "high" in [(await must_claim(store)).job.id for _ in range(2)]
    assert (await store.get("high")).status is JobStatus.PROCESSING


async def test_page_that_comes_back_keeps_its_place(store: JobStore) -> None:
    for job_id in ("first", "second"):
        await store.create(make_job(job_id))
    claim = await must_claim(store)
    await store.release(claim, charge=False)
    assert (await must_claim(store)).job.id == "first"

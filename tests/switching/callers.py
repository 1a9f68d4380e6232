"""Callers, each with one job at a time, and beside them one who switches and unloads models."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx

from tests.switching.papers import CPU_ENGINE, Page, Papers
from tests.switching.plan import Disturbance, JobPlan

_ENDED = {"completed", "failed", "cancelled"}
_PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Switched:
    """A model that was made current between two moments."""

    model: str
    began_at: float
    ended_at: float


@dataclass(slots=True)
class Taken:
    """A job that was accepted.

    Attributes:
        plan: What was submitted.
        page: That it shows.
        job_id: From the 202.
        able: Models that it may have been given: the one it named, or those that were current
            at some moment while it was submitted.
        job: As it stood at its end.
    """

    plan: JobPlan
    page: Page
    job_id: str
    able: frozenset[str]
    job: dict[str, Any] = field(default_factory=dict[str, Any])


class Callers:
    """All callers of a run.

    Args:
        apis: Addresses of the replicas.
        papers: What is read.
        at_once: Most jobs that have not ended.
    """

    def __init__(self, apis: Sequence[str], papers: Papers, at_once: int) -> None:
        self._papers = papers
        self._at_once = at_once
        # Idle connections are given up before the server does so: a request would be cut off.
        limits = httpx.Limits(max_connections=None, keepalive_expiry=1)
        self._clients = [
            httpx.AsyncClient(base_url=api, trust_env=False, timeout=70, limits=limits)
            for api in apis
        ]
        self._switches = [Switched(papers.models[0], 0.0, 0.0)]
        self._switching: tuple[str, float] | None = None
        self._has_ended = anyio.Event()
        self.taken: list[Taken] = []
        self.wrong: list[str] = []
        self.ended = 0
        self.took_s = 0.0

    async def run(self, jobs: Sequence[JobPlan], disturbances: Sequence[Disturbance]) -> None:
        """Has all jobs done, and all switches and unloads."""
        began_at = time.monotonic()
        todo = iter(jobs)
        async with anyio.create_task_group() as others:
            others.start_soon(self._disturb, disturbances)
            async with anyio.create_task_group() as callers:
                for _ in range(self._at_once):
                    callers.start_soon(self._call, todo)
            self.took_s = time.monotonic() - began_at

    async def learn(self) -> dict[str, str]:
        """Reads each page of the CPU engine once; gives what it says, by page."""
        told: dict[str, str] = {}
        for number, page in enumerate(self._papers.pages[CPU_ENGINE]):
            taken = await self._submit(JobPlan(-1, CPU_ENGINE, number, "normal", 0))
            await self._wait(taken)
            told[page.name] = str(taken.job["result"]["text"])
        return told

    async def aclose(self) -> None:
        """Closes the connections."""
        for client in self._clients:
            await client.aclose()

    async def _call(self, todo: Iterator[JobPlan]) -> None:
        for plan in todo:
            taken = await self._submit(plan)
            self.taken.append(taken)
            await self._wait(taken)
            self.ended += 1
            self._has_ended.set()
            self._has_ended = anyio.Event()

    async def _submit(self, plan: JobPlan) -> Taken:
        pages = self._papers.pages[plan.model or self._switches[-1].model]
        page = pages[plan.page % len(pages)]
        options = {"priority": plan.priority} | ({"model": plan.model} if plan.model else {})
        began_at = time.monotonic()
        answer = await self._clients[plan.replica].post(
            "/ocr", files={"file": (page.name, page.data)}, data=options
        )
        answer.raise_for_status()
        able = {plan.model} if plan.model else self._current_since(began_at)
        return Taken(plan, page, str(answer.json()["job_id"]), frozenset(able))

    async def _wait(self, taken: Taken) -> None:
        other = self._clients[1 - taken.plan.replica]
        with anyio.move_on_after(_PATIENCE_S):
            while taken.job.get("status") not in _ENDED:
                answer = await other.get(f"/ocr/{taken.job_id}", params={"wait": "60"})
                taken.job = dict(answer.raise_for_status().json())

    def _current_since(self, moment: float) -> set[str]:
        """Gives the models that were current at some time since then."""
        able = {self._switches[-1].model} | ({self._switching[0]} if self._switching else set())
        for index, switched in enumerate(self._switches[1:], 1):
            if switched.ended_at >= moment:
                able |= {switched.model, self._switches[index - 1].model}
        return able

    async def _disturb(self, disturbances: Sequence[Disturbance]) -> None:
        """Asks for one switch after the other; those who wait do so apart."""
        async with anyio.create_task_group() as tasks:
            for one in disturbances:
                while self.ended < one.after:
                    await self._has_ended.wait()
                if one.kind == "switch":
                    await self._switch(one)
                else:
                    tasks.start_soon(self._unload, one)

    async def _switch(self, one: Disturbance) -> None:
        began_at = time.monotonic()
        self._switching = (one.model, began_at)
        answer = await self._clients[one.replica].post("/models/switch", json={"model": one.model})
        self._switches.append(Switched(one.model, began_at, time.monotonic()))
        self._switching = None
        if answer.status_code != 200 or answer.json()["current_model"] != one.model:
            self.wrong.append(f"switch to {one.model}: {answer.status_code} {answer.text}")

    async def _unload(self, one: Disturbance) -> None:
        wait = "60" if one.waits else "0"
        path = f"/models/{one.model}/unload"
        answer = await self._clients[one.replica].post(path, params={"wait": wait})
        if answer.status_code not in {200, 202}:
            self.wrong.append(f"unload of {one.model}: {answer.status_code} {answer.text}")

"""What the programs beside it have in common: arguments, concurrent submission, the answer."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

RESULT = {"text": "A page of text, as long as a line or two of it. " * 8, "model": "scripted"}
"""What reading a page gives."""


@dataclass(frozen=True)
class Load:
    """What a program is to carry.

    Attributes:
        url: Of the server: `unix:///path`.
        jobs: To submit and work off.
        pages: Of each job.
        concurrency: Callers that submit, and then pages in work, at the same time.
        folder: For files.
    """

    url: str
    jobs: int
    pages: int
    concurrency: int
    folder: str


@dataclass(frozen=True)
class Took:
    """Seconds that it took to submit everything, and then to work everything off."""

    submit_s: float
    work_s: float


def answer(took: Took, cpu_s: float) -> str:
    """Gives what a program prints; the processor time is that of all threads, imports left out."""
    return json.dumps({**asdict(took), "cpu_s": cpu_s})


def main(measure: Callable[[Load], Awaitable[Took]]) -> None:
    """Reads the arguments, measures, prints."""
    url, jobs, pages, concurrency, folder = sys.argv[1:]
    load = Load(url, int(jobs), int(pages), int(concurrency), folder)

    async def run() -> Took:
        return await measure(load)

    used_s = time.process_time()
    took = asyncio.run(run())
    sys.stdout.write(answer(took, time.process_time() - used_s) + "\n")


async def submit_all(
    count: int, concurrency: int, submit: Callable[[int], Awaitable[object]]
) -> float:
    """Calls `submit` for each number, some at a time; gives the seconds it took."""
    numbers = iter(range(count))

    async def call() -> None:
        for number in numbers:
            await submit(number)

    started_at = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(call())
    return time.perf_counter() - started_at

"""One run: jobs, switches and unloads together, then the tally."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from tests.switching.callers import Callers, Taken
from tests.switching.checks import check
from tests.switching.ground import running
from tests.switching.papers import Papers
from tests.switching.plan import Disturbance, JobPlan

_SETTLE_S = 1.0
"""In which the last lines of the log are written."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What came out of a run.

    Attributes:
        took_s: From the first submission to the last end.
        jobs: How many ended.
        loads: Seconds that each load took, by model, with the other processes at work beside it.
        counts: What was done and found.
        wrong: What must not be; empty = the run is clean.
        taken: The jobs.
    """

    took_s: float
    jobs: int
    loads: Mapping[str, Sequence[float]]
    counts: Mapping[str, int]
    wrong: Sequence[str]
    taken: Sequence[Taken]


async def run(
    folder: Path,
    papers: Papers,
    jobs: Sequence[JobPlan],
    disturbances: Sequence[Disturbance] = (),
    at_once: int = 32,
) -> Tally:
    """Runs a load in an empty folder; nothing of it stays running."""
    async with running(folder, papers.environment) as ground:
        callers = Callers(ground.apis, papers, at_once)
        try:
            learned = await callers.learn()
            await callers.run(jobs, disturbances)
        finally:
            await callers.aclose()
        await anyio.sleep(_SETTLE_S)
        wrong, counts = await check(ground, callers.taken, learned)
    lines = log_lines(ground.log)
    wrong += callers.wrong + _ill_logged(lines, callers.taken)
    if len(callers.taken) != len(jobs):
        wrong.append(f"{len(callers.taken)} of {len(jobs)} jobs were accepted")
    counts.update(one.kind for one in disturbances)
    counts["models that left a worker"] = sum(
        line["event"] == "model_unloaded" and "why" not in line for line in lines
    )
    return Tally(callers.took_s, callers.ended, _loads(lines), counts, wrong, callers.taken)


def log_lines(log: Path) -> list[dict[str, Any]]:
    """Gives what the processes have said."""
    lines = log.read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def _loads(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    loads: dict[str, list[float]] = {}
    for line in lines:
        if line["event"] == "model_may_be_used":
            loads.setdefault(line["model"], []).append(float(line["took_s"]))
    return loads


def _ill_logged(lines: Sequence[Mapping[str, Any]], taken: Sequence[Taken]) -> list[str]:
    """Each job's page was read to its end, by all workers together, just once.

    A worker that renews its leases at the very moment when a page is committed finds the claim
    over, and tells that in place of the reading.
    """
    reads, over = _jobs_of(lines, "page_read"), _jobs_of(lines, "claim_lost")
    wrong = [
        f"job {one.job_id} was read {reads[one.job_id]} times"
        for one in taken
        if reads[one.job_id] != 1 and not (reads[one.job_id] == 0 and over[one.job_id] == 1)
    ]
    return wrong + [
        f"the log says: {line}" for line in lines if line.get("level") in {"error", "critical"}
    ]


def _jobs_of(lines: Sequence[Mapping[str, Any]], event: str) -> Counter[str]:
    return Counter(str(line["claim"]).partition(":")[0] for line in lines if line["event"] == event)

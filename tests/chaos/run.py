"""One run: callers and disturber side by side, then quiet, then the tally."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio
import anyio.to_thread

from tests.chaos.aftermath import (
    Findings,
    Stores,
    check_an_hour_later,
    check_jobs,
    opened,
    wait_until_told,
)
from tests.chaos.callers import Callers
from tests.chaos.disturber import Disturber
from tests.chaos.ground import Ground, embedded, external
from tests.chaos.plan import plan_disturbances, plan_jobs
from tests.chaos.receipts import check_receipts, webhook_of
from tests.service import descendants
from tests.webhooks.receiving import Receiving

Mode = Literal["embedded", "external"]
_QUIET_S = 120.0
_SETTLE_S = 4.0
"""Longer than leases and the sweeper's round."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run.

    Attributes:
        mode: `embedded`: `ocr-api serve`; `external`: programs beside a store of its own.
        jobs: How many.
        seed: Of everything that is drawn.
        pause_s: Mean pause between two disturbances.
        limit_s: Disturbances end then, at the latest; jobs that have not ended two minutes later
            count as lost.
    """

    mode: Mode
    jobs: int
    seed: int
    pause_s: float
    limit_s: float


@dataclass(frozen=True, slots=True)
class Tally:
    """What came out.

    Attributes:
        mode: As ordered.
        seed: As ordered.
        took_s: Until the last job had ended.
        counts: What was done, and what was found.
        wrong: What must not be; empty = the run is clean.
    """

    mode: Mode
    seed: int
    took_s: float
    counts: dict[str, int]
    wrong: list[str]


async def run_chaos(order: Order, folder: Path, receiving: Receiving) -> Tally:
    """Runs an order in an empty folder; nothing of it stays running."""
    started_at = time.monotonic()
    found = Findings()
    async with _ground(order, folder) as ground:
        callers = Callers(
            ground.base_url,
            f"chaos-{order.seed}",
            lambda plan: webhook_of(receiving, plan),
        )
        disturber = Disturber(ground, order.seed)
        await _disturbed(order, callers, disturber)
        took_s = time.monotonic() - started_at
        await anyio.sleep(_SETTLE_S)
        async with opened(ground) as stores:
            await _check(ground, stores, callers, found)
    found.wrong += callers.wrong + _strays()
    if len(callers.accepted) != order.jobs:
        found.wrong.append(f"{len(callers.accepted)} of {order.jobs} jobs were accepted")
    got = receiving.got()
    found.wrong += check_receipts(got, callers.accepted)
    found.counts["events received again"] = len(got) - len(callers.accepted)
    counts = {**found.counts, **disturber.done, **callers.counts, **_ends(callers)}
    return Tally(
        order.mode, order.seed, round(took_s, 1), dict(sorted(counts.items())), found.wrong
    )


def _ground(order: Order, folder: Path) -> AbstractAsyncContextManager[Ground]:
    return external(folder) if order.mode == "external" else embedded(folder)


async def _disturbed(order: Order, callers: Callers, disturber: Disturber) -> None:
    """Lets the callers have their jobs done while the service suffers."""
    disturbances = plan_disturbances(
        order.seed, external=order.mode == "external", pause_s=order.pause_s
    )

    async def disturb() -> None:
        with anyio.move_on_after(order.limit_s):
            await disturber.run(disturbances)

    with anyio.move_on_after(order.limit_s + _QUIET_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(disturb)
            await callers.run(plan_jobs(order.seed, order.jobs))
            tasks.cancel_scope.cancel()


async def _check(ground: Ground, stores: Stores, callers: Callers, found: Findings) -> None:
    await wait_until_told(stores, callers.accepted, found)
    await check_jobs(stores, callers.accepted, found)
    found.wrong += await anyio.to_thread.run_sync(_doctor, ground)
    await check_an_hour_later(stores, found)


def _doctor(ground: Ground) -> list[str]:
    """What `ocr-api doctor --audit` finds."""
    done = subprocess.run(
        [sys.executable, "-m", "ocr_api.cli.main", "doctor", "--audit"],
        env=dict(ground.environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return [] if done.returncode == 0 else [f"doctor --audit: {done.stdout}{done.stderr[-2000:]}"]


def _strays() -> list[str]:
    """Processes that outlived their service; the receiver does not belong to it."""
    left = [line for _, line in descendants(os.getpid()) if "receiver.py" not in line]
    return [f"still runs: {line}" for line in left]


def _ends(callers: Callers) -> dict[str, int]:
    ends: dict[str, int] = {"accepted": len(callers.accepted)}
    ends["longest wait for a 202, in s"] = round(callers.longest_submit_s)
    for one in callers.accepted:
        end = "removed by its caller" if one.is_removed else str((one.job or {}).get("status"))
        ends[f"ended: {end}"] = ends.get(f"ended: {end}", 0) + 1
        charged = (one.job or {}).get("attempts", 0)
        ends["attempts"] = ends.get("attempts", 0) + int(charged)
    return ends

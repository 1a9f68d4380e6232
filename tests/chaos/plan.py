"""What a chaos run does, drawn from its seed alone: which jobs come, what befalls the service."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["png", "tiff", "pdf"]
MOST_PAGES = 20
HEIGHT_PX = 40
_LEAST_WIDTH_PX = 64
_CANCELLED_EACH = 12
_INSPECTED_EACH = 6
_SINGLE_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class JobPlan:
    """A job to be submitted.

    Attributes:
        number: From 0; its pages hold `number + 1` black pixels each.
        kind: Type of its file.
        pages: How many it has.
        cancelled_after_s: When its caller wishes it cancelled; None = never.
    """

    number: int
    kind: Kind
    pages: int
    cancelled_after_s: float | None = None

    @property
    def ink(self) -> int:
        """Black pixels of each page: tells the job."""
        return self.number + 1

    @property
    def is_inspected(self) -> bool:
        """Its pages are inspected, which finds them blank: so little is on them."""
        return self.number % _INSPECTED_EACH == 3

    def text_of(self, page: int) -> str:
        """What the page's result must say: its width tells the page."""
        return "" if self.is_inspected else f"{width_of(page)}x{HEIGHT_PX} ink {self.ink}"


@dataclass(frozen=True, slots=True)
class Kill:
    """`kill -9` of one process of a role."""

    role: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """SIGSTOP of one process of a role, and SIGCONT after some seconds."""

    role: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Outage:
    """The store is cut off.

    `refuse`: connections break and none is taken. `stall`: nothing passes for a while, then all of
    it does. `mute`: requests still arrive, no answer comes back, then connections break.
    """

    kind: Literal["refuse", "stall", "mute"]
    seconds: float


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What happens next.

    Attributes:
        after_s: Pause before it.
        act: What is done.
    """

    after_s: float
    act: Kill | Freeze | Outage


_ROLES = (
    *("model child", "model child", "document child", "inspecting child"),
    *("worker", "notifier", "api", "valkey"),
)
_SERVE_EACH = 3
"""Rounds in which `serve` is killed: it takes all others with it, and each then starts anew."""


def width_of(page: int) -> int:
    """Gives the width of a page in pixels, which tells its number (from 1)."""
    return _LEAST_WIDTH_PX + page


def plan_jobs(seed: int, count: int) -> list[JobPlan]:
    """Gives jobs of 1 to 20 pages, many of one; each twelfth is to be cancelled."""
    chance = random.Random(f"{seed} jobs")  # noqa: S311 - no secret
    plans = list[JobPlan]()
    for number in range(count):
        is_single = chance.random() < _SINGLE_SHARE
        pages = 1 if is_single else chance.randint(2, MOST_PAGES)
        kind: Kind = chance.choice(("png", "pdf") if is_single else ("tiff", "pdf"))
        cancelled = chance.uniform(0.0, 1.5) if number % _CANCELLED_EACH == 7 else None
        plans.append(JobPlan(number, kind, pages, cancelled))
    return plans


def plan_disturbances(seed: int, *, external: bool, pause_s: float) -> Iterator[Disturbance]:
    """Yields disturbances without end: every role in each round, in an order of its own.

    Args:
        seed: Of the run.
        external: The store is a server of its own, which can be cut off.
        pause_s: Mean pause between two of them.
    """
    chance = random.Random(f"{seed} disturbances")  # noqa: S311 - no secret
    for number in itertools.count():
        acts: list[Kill | Freeze | Outage] = [Kill(role) for role in _ROLES]
        acts.append(Freeze("worker", chance.uniform(2.5, 4.5)))
        acts.append(Freeze("valkey", chance.uniform(1.0, 3.0)))
        if external:
            acts += [
                Kill("worker"),  # there are two
                Outage("refuse", chance.uniform(0.5, 4.0)),
                Outage("stall", chance.uniform(0.5, 3.0)),
                Outage("mute", chance.uniform(0.1, 2.0)),
            ]
        elif number % _SERVE_EACH == 0:
            acts.append(Kill("serve"))
        chance.shuffle(acts)
        for act in acts:
            yield Disturbance(chance.uniform(0.3, 1.7) * pause_s, act)

"""What a run does, drawn from its seed alone: which jobs come, and when models are switched."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.switching.papers import CPU_ENGINE, Papers

_UNNAMED_SHARE = 0.3
_PRIORITIES = ("high", "normal", "normal", "normal", "low")


@dataclass(frozen=True, slots=True)
class JobPlan:
    """A job to be submitted.

    Attributes:
        number: From 0.
        model: That it names; None = it takes the one that is current.
        page: Chooses the page, of those of its model.
        priority: As it is submitted.
        replica: Which API takes it; another one is asked for the result.
    """

    number: int
    model: str | None
    page: int
    priority: str
    replica: int


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A switch or an unload.

    Attributes:
        after: Jobs that have ended before it.
        kind: What is asked for.
        model: Which.
        replica: Which API is asked.
        waits: Whether the caller waits until it is done.
    """

    after: int
    kind: Literal["switch", "unload"]
    model: str
    replica: int
    waits: bool


def plan_jobs(seed: int, count: int, papers: Papers) -> list[JobPlan]:
    """Gives jobs over all models; three in ten name none."""
    chance = random.Random(f"{seed} jobs")  # noqa: S311 - no secret
    models = (*papers.models, CPU_ENGINE)
    return [
        JobPlan(
            number,
            None if chance.random() < _UNNAMED_SHARE else chance.choice(models),
            chance.randrange(1000),
            chance.choice(_PRIORITIES),
            chance.randrange(2),
        )
        for number in range(count)
    ]


def plan_disturbances(
    seed: int, jobs: int, switches: int, unloads: int, papers: Papers
) -> Sequence[Disturbance]:
    """Gives switches and unloads at random moments of the run, in order."""
    chance = random.Random(f"{seed} disturbances")  # noqa: S311 - no secret
    models = (*papers.models, CPU_ENGINE)
    drawn = [
        Disturbance(
            chance.randrange(jobs),
            "switch" if number < switches else "unload",
            chance.choice(models),
            chance.randrange(2),
            chance.random() < 0.5,
        )
        for number in range(switches + unloads)
    ]
    return sorted(drawn, key=lambda one: one.after)

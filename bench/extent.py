"""How much one run of all benchmarks measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.environments import ENVIRONMENTS


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured.

    Attributes:
        rounds: How often the compared programs take their turns.
        starts: Starts of the service.
        fsync: How the server of the queues syncs, in turns.
        warm_up: Jobs before those that count.
        jobs: One after the other, for a time of one job.
        burst: Jobs of all callers together, for a rate.
        callers: At the same time.
        pages: Evaluation pages that are read at most.
        readings: How often each program reads them, and the model of published size its own.
        is_whole: False = one of the settings and models that are alike, nothing warmed up before
            pages are read, and no model of published size.
        tokens: Most tokens of a page that a model reads.
        processes: Pages read at the same time.
        device: That the model of published size is on: `cpu` or `cuda`.
        environments: Folder with the other programs; those missing are left out.
    """

    rounds: int = 3
    starts: int = 5
    fsync: Sequence[str] = ("always", "everysec")
    warm_up: int = 20
    jobs: int = 60
    burst: int = 400
    callers: int = 16
    pages: int = 16
    readings: int = 2
    is_whole: bool = True
    tokens: int = 16
    processes: int = 2
    device: str = "cpu"
    environments: Path = ENVIRONMENTS


QUICK = Extent(
    rounds=1,
    starts=1,
    fsync=("always",),
    warm_up=2,
    jobs=3,
    burst=8,
    callers=4,
    pages=1,
    readings=1,
    is_whole=False,
    tokens=4,
)
"""Shows that everything runs; its figures tell nothing."""

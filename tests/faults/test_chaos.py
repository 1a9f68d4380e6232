"""Short chaos runs: everything is killed, frozen and cut off; nothing is lost.

`make chaos` is the long one.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from tests.chaos.ground import ROLES
from tests.chaos.plan import Disturbance, Kill, plan_disturbances, plan_jobs

ROOT = Path(__file__).parents[2]
MODES = ("embedded", "external")


@pytest.mark.processes
@pytest.mark.timeout(240)
def test_chaos_loses_doubles_and_mixes_up_nothing(tmp_path: Path) -> None:
    """Both kinds side by side, since much of the time goes by in waiting for leases to run out."""
    with ThreadPoolExecutor(2) as runs:
        done = dict(zip(MODES, runs.map(partial(run_chaos, tmp_path), MODES), strict=True))
    for mode, run in done.items():
        log = (tmp_path / mode / "service.log").read_text()[-3000:]
        assert run.returncode == 0, f"{run.stdout}\n{run.stderr}\n{log}"
        assert '"wrong": []' in run.stdout
        assert sum(map(run.stdout.count, ('"killed ', '"frozen ', '"outage'))) >= 3, run.stdout


def run_chaos(folder: Path, mode: str) -> subprocess.CompletedProcess[str]:
    order = ["--jobs", "16", "--mode", mode, "--pause", "0.8", "--limit", "12"]
    return subprocess.run(
        [sys.executable, "-m", "tests.chaos", *order, "--keep", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=220,
    )


@pytest.mark.parametrize("external", [True, False])
def test_same_seed_plans_the_same_run_and_every_round_kills_every_role(
    external: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    def planned(seed: int) -> list[Disturbance]:
        return list(islice(plan_disturbances(seed, external=external, pause_s=1), 40))

    assert planned(7) == planned(7) != planned(8)
    assert plan_jobs(7, 50) == plan_jobs(7, 50) != plan_jobs(8, 50)
    killed = {one.act.role for one in planned(7) if isinstance(one.act, Kill)}
    assert killed == ROLES.keys() - ({"serve"} if external else set())

"""A short chaos run of each kind: everything is killed, frozen and cut off; nothing is lost.

`make chaos` is the long one.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.chaos.ground import ROLES
from tests.chaos.plan import Disturbance, Kill, plan_disturbances, plan_jobs

ROOT = Path(__file__).parents[2]


@pytest.mark.processes
@pytest.mark.timeout(240)
@pytest.mark.parametrize("mode", ["embedded", "external"])
def test_chaos_loses_doubles_and_mixes_up_nothing(mode: str, tmp_path: Path) -> None:
    order = ["--jobs", "16", "--mode", mode, "--pause", "0.6", "--limit", "12"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *order, "--keep", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=220,
    )
    log = (tmp_path / mode / "service.log").read_text()[-3000:]
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{log}"
    assert '"wrong": []' in done.stdout
    assert done.stdout.count("killed ") >= 3, done.stdout


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

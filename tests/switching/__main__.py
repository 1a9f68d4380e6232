"""Jobs over four models while these are switched and unloaded; then the same jobs in peace.

Exit code 1 where a job was lost, failed, doubled, overtaken or read by another model than its own.
The ratio of both throughputs is printed, the bare times of the loads taken off.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import anyio

from tests.models.serving import CHECKPOINTS, MODELS
from tests.switching.papers import Papers, scripted_papers, small_papers
from tests.switching.plan import JobPlan, plan_disturbances, plan_jobs
from tests.switching.run import Tally, run

_WORKERS = 2
_BARE_RUNS = 3


def main() -> None:
    """Runs what is ordered, and prints the figures."""
    chosen = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.keep or Path(scratch)
        bare_s = {} if chosen.scripted else _bare_loads()
        _say({"seed": chosen.seed, "bare load, s": bare_s})
        papers = _papers(chosen, folder / "disturbed")
        jobs = plan_jobs(chosen.seed, chosen.jobs, papers)
        disturbances = plan_disturbances(
            chosen.seed, chosen.jobs, chosen.switches, chosen.unloads, papers
        )
        stirred = anyio.run(run, folder / "disturbed", papers, jobs, disturbances, chosen.at_once)
        _say({"with switches and unloads": _figures(stirred, bare_s)})
        if chosen.compare:
            papers = _papers(chosen, folder / "quiet")
            quiet = anyio.run(run, folder / "quiet", papers, _named(stirred), (), chosen.at_once)
            _say({"the same jobs in peace": _figures(quiet, bare_s)})
            _say({"throughput, loads taken off": _ratios(stirred, quiet, bare_s)})
    sys.exit(1 if stirred.wrong else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.switching", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--switches", type=int, default=50)
    parser.add_argument("--unloads", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--at-once", type=int, default=32, help="jobs that have not ended")
    parser.add_argument("--scripted", action="store_true", help="models that load at once")
    parser.add_argument("--budget", type=int, default=0, help="MODEL_MEMORY_MIB; 0 = room for two")
    parser.add_argument("--fairness", type=float, help="MODEL_FAIRNESS_SECONDS")
    parser.add_argument("--no-compare", dest="compare", action="store_false")
    parser.add_argument("--keep", type=Path, help="folder in which data and logs are left")
    return parser.parse_args()


def _papers(chosen: argparse.Namespace, folder: Path) -> Papers:
    folder.mkdir(parents=True)
    papers = scripted_papers(folder) if chosen.scripted else small_papers(folder)
    more: dict[str, str] = {}
    if chosen.fairness:
        more["MODEL_FAIRNESS_SECONDS"] = str(chosen.fairness)
    if chosen.budget:
        more["MODEL_MEMORY_MIB"] = str(chosen.budget)
    return replace(papers, environment={**papers.environment, **more})


def _named(tally: Tally) -> list[JobPlan]:
    """The same jobs, each naming the model that it was given."""
    plans = [replace(one.plan, model=str(one.job["model"])) for one in tally.taken]
    return sorted(plans, key=lambda plan: plan.number)


def _bare_loads() -> dict[str, float]:
    """Median seconds in which transformers alone loads GOT, in a fresh process.

    It stands for the others, whose checkpoints are as small: nearly all of it is imports.
    """
    took_s = round(statistics.median(_bare() for _ in range(_BARE_RUNS)), 2)
    return dict.fromkeys(MODELS, took_s)


def _bare() -> float:
    page = CHECKPOINTS / "pages" / "got-invoice.png"
    arguments = [str(CHECKPOINTS / "got"), str(page), "1", str(time.time())]
    command = [sys.executable, "-m", "bench.models.bare_read", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])["loaded_s"])


def _figures(tally: Tally, bare_s: Mapping[str, float]) -> dict[str, object]:
    return {
        "jobs": tally.jobs,
        "took, s": round(tally.took_s, 1),
        "jobs/s": round(tally.jobs / tally.took_s, 2),
        "loads": {model: len(took_s) for model, took_s in tally.loads.items()},
        "longest load, s": round(max(map(max, tally.loads.values()), default=0), 1),
        "the same loads bare, s": round(_bare_of(tally, bare_s), 1),
        "counts": dict(sorted(tally.counts.items())),
        "wrong": list(tally.wrong),
    }


def _ratios(stirred: Tally, quiet: Tally, bare_s: Mapping[str, float]) -> dict[str, float]:
    """Throughput with switches over that without; each worker loads by itself."""

    def per_s(tally: Tally, loads_s: float) -> float:
        return tally.jobs / (tally.took_s - loads_s / _WORKERS)

    return {
        "by bare load times": round(
            per_s(stirred, _bare_of(stirred, bare_s)) / per_s(quiet, _bare_of(quiet, bare_s)), 3
        ),
        "nothing taken off": round(per_s(stirred, 0) / per_s(quiet, 0), 3),
    }


def _bare_of(tally: Tally, bare_s: Mapping[str, float]) -> float:
    return sum(bare_s.get(model, 0.0) * len(took_s) for model, took_s in tally.loads.items())


def _say(told: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

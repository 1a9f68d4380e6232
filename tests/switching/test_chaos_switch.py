"""Switches and unloads at random moments harm no job; `make chaos-switch` is the long form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ocr_api.jobs import Priority
from tests.store.samples import make_job
from tests.switching.checks import out_of_order
from tests.switching.papers import scripted_papers
from tests.switching.plan import plan_disturbances, plan_jobs
from tests.switching.run import run

_SEED, _JOBS, _SWITCHES, _UNLOADS = 5, 100, 20, 8


@pytest.mark.anyio
@pytest.mark.processes
@pytest.mark.timeout(180)
async def test_switches_and_unloads_at_random_moments_harm_no_job(tmp_path: Path) -> None:
    papers = scripted_papers(tmp_path)
    jobs = plan_jobs(_SEED, _JOBS, papers)
    disturbances = plan_disturbances(_SEED, _JOBS, _SWITCHES, _UNLOADS, papers)
    tally = await run(tmp_path, papers, jobs, disturbances, at_once=16)
    assert tally.wrong == []
    assert tally.counts["took the current model"] > _JOBS // 5
    assert tally.counts["text held against the model's own"] > _JOBS * 3 // 4
    assert set(tally.loads) == set(papers.models)


def test_job_that_overtakes_one_of_its_lane_is_found() -> None:
    first, second = (
        replace(make_job(f"job-{number}", "got"), started_at=2.0 - number) for number in range(2)
    )
    assert out_of_order([second, first]) == []
    assert out_of_order([first, replace(second, priority=Priority.HIGH)]) == []
    assert out_of_order([first, replace(second, model="qari")]) == []
    assert len(out_of_order([first, second])) == 1

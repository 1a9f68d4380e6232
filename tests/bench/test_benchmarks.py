"""The benchmarks run and count right, on loads too small to tell anything of speed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.queue import CONTENDERS, Rates, Setting, measure, table
from bench.submit import compare_apis, compare_queues

pytestmark = [pytest.mark.anyio, pytest.mark.processes]


async def test_both_ways_of_keeping_results_work_every_page_off(tmp_path: Path) -> None:
    runs = await measure(Setting("everysec", 3, 4), CONTENDERS[:2], 1, tmp_path)
    assert [len(rates) for rates in runs.values()] == [1, 1]
    assert all(rate.worked >= rate.whole > 0 for rates in runs.values() for rate in rates)


async def test_ratios_are_taken_to_the_best_of_the_others() -> None:
    runs = {"ours": [Rates(90, 40)], "a": [Rates(100, 10)], "b": [Rates(50, 80)]}
    rows = list(table(Setting("always", 1, 1), runs))
    assert rows[0].endswith("| ours | 90 | 40 | 0.90 | 0.50 | 0.00 + 0.00 |")


async def test_both_queues_get_as_many_submissions(tmp_path: Path) -> None:
    found = await compare_queues(tmp_path, 30, 2, 10)
    assert (len(found.short_ms), len(found.long_ms)) == (2, 2)


async def test_one_and_two_apis_take_submissions(tmp_path: Path) -> None:
    found = await compare_apis(tmp_path, 1, 20, 4)
    assert (len(found.one), len(found.two)) == (1, 1)

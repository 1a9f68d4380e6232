"""Many jobs from many callers at once, against a real API process."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.stress import stress


@pytest.mark.anyio
@pytest.mark.processes
@pytest.mark.timeout(120)
async def test_500_jobs_of_50_callers_are_all_there_once(tmp_path: Path) -> None:
    tally = await stress(tmp_path, 500, 50)
    assert tally.accepted == 500
    assert tally.is_clean, tally

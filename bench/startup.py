"""How long the service takes from its start until it is ready."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from tests.service import Service


def measure_startup(runs: int = 5) -> dict[str, float]:
    """Gives the median and the longest time (s) from the command to `/readyz` 200, on new data."""
    took_s = [_one() for _ in range(runs)]
    return {"median_s": round(statistics.median(took_s), 2), "longest_s": round(max(took_s), 2)}


def _one() -> float:
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder) / "data")
        started_at = time.perf_counter()
        try:
            service.start()
            return time.perf_counter() - started_at
        finally:
            service.close()

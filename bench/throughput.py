"""Pages a second through the service against the same steps called bare, in one run."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from bench.bare import read_bare, warm_bare
from tests.service import Service

PAGES = Path(__file__).parent.parent / "eval" / "pages"


def measure_throughput(
    service: Service,
    processes: int,
    rounds: int,
    pages: int | None = None,
    *,
    warms_up: bool = True,
) -> dict[str, object]:
    """Reads pages through the service and bare, alternately, and gives pages/s and ratios.

    Args:
        service: Running.
        processes: That read at the same time.
        rounds: That count.
        pages: How many of the evaluation pages; None = all.
        warms_up: Whether all pages are read once before.
    """
    names = [entry["file"] for entry in json.loads((PAGES / "manifest.json").read_text())]
    paths = [PAGES / name for name in names[:pages]]
    with (
        _threads_of_a_child(),
        ProcessPoolExecutor(processes, get_context("spawn"), warm_bare) as bare,
    ):
        if warms_up:
            _through_service(service, paths)
            _bare(bare, paths)
        pairs = [(_through_service(service, paths), _bare(bare, paths)) for _ in range(rounds)]
    return {
        "pages": len(paths),
        "service_pages_per_s": [round(served, 3) for served, _ in pairs],
        "bare_pages_per_s": [round(bare_rate, 3) for _, bare_rate in pairs],
        "median_ratio": round(statistics.median(served / plain for served, plain in pairs), 3),
    }


@contextmanager
def _threads_of_a_child() -> Iterator[None]:
    """Processes started meanwhile have as many threads as the worker gives its children."""
    before = dict(os.environ)
    os.environ.update(OMP_THREAD_LIMIT="1", OMP_NUM_THREADS="1")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _through_service(service: Service, paths: Sequence[Path]) -> float:
    started_at = time.perf_counter()
    with ThreadPoolExecutor(len(paths)) as callers:
        ids = callers.map(lambda path: service.submit(path.read_bytes(), model="auto"), paths)
        jobs = list(callers.map(lambda job_id: service.ended(job_id, 300), ids))
    if any(job["status"] != "completed" for job in jobs):
        raise RuntimeError(jobs)
    return len(paths) / (time.perf_counter() - started_at)


def _bare(executor: ProcessPoolExecutor, paths: Sequence[Path]) -> float:
    started_at = time.perf_counter()
    list(executor.map(read_bare, map(str, paths)))
    return len(paths) / (time.perf_counter() - started_at)

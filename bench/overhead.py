"""What the service adds to one job on an idle machine: submit to result over HTTP."""

from __future__ import annotations

import statistics
import time

from tests.service import Service, small_png

_WARM_UP = 20


def measure_overhead(service: Service, jobs: int = 200) -> dict[str, float]:
    """Gives percentiles (ms) from the start of the POST to the result in hand.

    The engine is `scripted`, which answers at once; the answer is held with `?wait=`.
    """
    page = small_png()
    took_ms = [_one(service, page) for _ in range(_WARM_UP + jobs)][_WARM_UP:]
    cuts = statistics.quantiles(took_ms, n=100)
    return {
        "p50_ms": round(cuts[49], 1),
        "p90_ms": round(cuts[89], 1),
        "p99_ms": round(cuts[98], 1),
    }


def _one(service: Service, page: bytes) -> float:
    started_at = time.perf_counter()
    job_id = service.submit(page, model="scripted")
    answer = service.client.get(f"/ocr/{job_id}", params={"wait": "10"})
    took_ms = (time.perf_counter() - started_at) * 1000
    if answer.json()["status"] != "completed":
        raise RuntimeError(answer.text)
    return took_ms

"""Character error rates of the evaluation pages, read over HTTP with `model=auto`."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.throughput import PAGES
from eval.scoring import Normalisation, character_error_rate
from tests.service import Service


def measure_reading(service: Service) -> dict[str, float]:
    """Gives the error rate by page: `ar-bare` for Arabic and mixed pages, `std` for the others."""
    manifest: list[dict[str, Any]] = json.loads((PAGES / "manifest.json").read_text())
    with ThreadPoolExecutor(4) as callers:
        return dict(callers.map(lambda entry: _one(service, entry), manifest))


def _one(service: Service, entry: dict[str, Any]) -> tuple[str, float]:
    name = entry["file"]
    job_id = service.submit((PAGES / name).read_bytes(), filename=name, model="auto")
    read = service.ended(job_id, 200)["result"]["text"]
    is_arabic = entry["script"].startswith(("arabic", "mixed"))
    rules: Normalisation = "ar-bare" if is_arabic else "std"
    return name, round(character_error_rate(entry["text"], read, rules), 4)

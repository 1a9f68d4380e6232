"""A long scanned document: time to its first page, and the memory of every process over time."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.memory import pss_mb
from tests.faults.pdfs import scanned_pdf
from tests.service import ROLES, Service, eventually, running


@dataclass(frozen=True)
class DocumentFigures:
    """What reading a long document took.

    Attributes:
        document_mb: Size of the file, in MB (10^6 bytes).
        first_page_s: From the 202 until the first page could be had.
        pages_per_s: Over the whole document.
        early_mb: Memory (PSS) of all processes of each role once 10 pages were read.
        late_mb: The same just before the last page.
    """

    document_mb: float
    first_page_s: float
    pages_per_s: float
    early_mb: Mapping[str, float]
    late_mb: Mapping[str, float]

    @property
    def growth_mb(self) -> Mapping[str, float]:
        """What each role took more at the end."""
        return {role: round(self.late_mb[role] - self.early_mb[role], 1) for role in self.early_mb}


def main() -> None:
    """Reads one document with the engine `scripted` and prints the figures."""
    parser = argparse.ArgumentParser(prog="bench.document", description=__doc__)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2, help="pages read at the same time")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {"LOG_LEVEL": "warning", "DEFAULT_MODEL": "scripted"}
        with running(Path(folder) / "data", environment, chosen.processes) as service:
            figures = measure_document(service, scanned_pdf(chosen.pages), chosen.pages)
    told = {**asdict(figures), "growth_mb": figures.growth_mb}
    sys.stdout.write(json.dumps(told, indent=2) + "\n")


def measure_document(service: Service, document: bytes, pages: int) -> DocumentFigures:
    """Gives the time to the first page, and the memory at page 10 and at the last one.

    A short document goes before, so that all children are up.

    Args:
        service: Running, with `scripted` as its default model.
        document: A PDF.
        pages: How many pages it has, more than 10.
    """
    service.ended(service.submit(scanned_pdf(20, small=True)))
    job_id = service.submit(document, filename="long.pdf")
    accepted_at = time.perf_counter()
    eventually(lambda: service.status_of(f"/ocr/{job_id}/pages/1") == 200, 60)
    first_page_s = time.perf_counter() - accepted_at
    eventually(lambda: _pages_done(service, job_id) >= 10, 60)
    early = memory_mb(service)
    eventually(lambda: _pages_done(service, job_id) >= pages - 5, 3600)
    late = memory_mb(service)
    service.ended(job_id, 600)
    took_s = time.perf_counter() - accepted_at
    return DocumentFigures(
        document_mb=round(len(document) / 1e6, 1),
        first_page_s=round(first_page_s, 2),
        pages_per_s=round(pages / took_s, 1),
        early_mb=early,
        late_mb=late,
    )


def memory_mb(service: Service) -> dict[str, float]:
    """Gives the proportional set size of all processes of each role, in MB (10^6 bytes)."""
    return {role: round(sum(map(pss_mb, service.pids(role))), 1) for role in ROLES}


def _pages_done(service: Service, job_id: str) -> int:
    time.sleep(0.05)
    return int(service.job(job_id)["progress"]["pages_done"])


if __name__ == "__main__":
    main()

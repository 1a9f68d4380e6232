"""A long scanned document: first page, memory of every process over time, and its cancellation.

`python -m bench.document` reads 1,000 pages with `scripted`, cancelling a second copy at page 100;
`--model tesseract --pages 100` reads real print.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pikepdf
from PIL import Image

from bench.memory import pss_mb
from tests.faults.pdfs import scanned_pdf
from tests.service import ROLES, Service, eventually, running, small_png

PAGES = Path(__file__).parent.parent / "eval" / "pages"

_LOOKS = 3
_BETWEEN_LOOKS_S = 0.05


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


@dataclass(frozen=True)
class CancelFigures:
    """What cancelling a long document took.

    Attributes:
        pages_done: Read when the cancellation was answered.
        pages_after: Further ones that were read nevertheless.
        answer_s: From the request to its answer.
        next_job_s: From that answer until a one-page job, submitted then, had been read.
        cpu_after_s: Processor time of all children in one second, after that.
    """

    pages_done: int
    pages_after: int
    answer_s: float
    next_job_s: float
    cpu_after_s: float


def main() -> None:
    """Reads one document and prints the figures."""
    parser = argparse.ArgumentParser(prog="bench.document", description=__doc__)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--model", default="scripted")
    parser.add_argument("--cancel-at", type=int, default=100, help="page; 0 = don't cancel")
    parser.add_argument("--processes", type=int, default=2, help="pages read at the same time")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {"LOG_LEVEL": "warning", "DEFAULT_MODEL": chosen.model}
        is_real = chosen.model != "scripted"
        document = (printed_pdf if is_real else scanned_pdf)(chosen.pages)
        with running(Path(folder) / "data", environment, chosen.processes) as service:
            figures = measure_document(service, document, chosen.pages)
            told = {**asdict(figures), "growth_mb": figures.growth_mb}
            if 0 < chosen.cancel_at < chosen.pages:
                told["cancelled"] = asdict(measure_cancel(service, document, chosen.cancel_at))
    sys.stdout.write(json.dumps(told, indent=2) + "\n")


def printed_pdf(pages: int) -> bytes:
    """Gives a PDF that shows an evaluation page (English print) on each of its pages."""
    made = pikepdf.new()
    with Image.open(PAGES / "01_en_serif.png") as image:
        grey = image.convert("L")
    scan = pikepdf.Stream(made, zlib.compress(grey.tobytes()))
    scan.Type, scan.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    scan.Width, scan.Height, scan.BitsPerComponent = grey.width, grey.height, 8
    scan.ColorSpace, scan.Filter = pikepdf.Name.DeviceGray, pikepdf.Name.FlateDecode
    height = 595 * grey.height / grey.width
    for _ in range(pages):
        page = made.add_blank_page(page_size=(595, height))
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(S=scan))
        page.Contents = pikepdf.Stream(made, f"595 0 0 {height} 0 0 cm /S Do".encode())
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


def measure_cancel(service: Service, document: bytes, page: int) -> CancelFigures:
    """Cancels a document once so many pages are read, and looks at what goes on after that."""
    job_id = service.submit(document, filename="long.pdf")
    eventually(lambda: _pages_done(service, job_id) >= page, 600)
    asked_at = time.perf_counter()
    answer = service.client.delete(f"/ocr/{job_id}")
    answered_at = time.perf_counter()
    done = int(answer.raise_for_status().json()["progress"]["pages_done"])
    service.ended(service.submit(small_png()), 60)
    next_at = time.perf_counter()
    used_s = _children_cpu_s(service)
    time.sleep(1)
    return CancelFigures(
        pages_done=done,
        pages_after=_pages_done(service, job_id) - done,
        answer_s=round(answered_at - asked_at, 3),
        next_job_s=round(next_at - answered_at, 3),
        cpu_after_s=round(_children_cpu_s(service) - used_s, 2),
    )


def measure_document(service: Service, document: bytes, pages: int) -> DocumentFigures:
    """Gives the time to the first page, and the memory at page 10 and at the last one.

    A short document goes before, so that all children are up.

    Args:
        service: Running, with the model to be tried as its default one.
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
    """Gives the proportional set size of all processes of each role, in MB (10^6 bytes).

    The most of several looks: at any one of them a child may just be giving way to another.
    """
    looks = [_memory_now(service) for _ in range(_LOOKS)]
    return {role: round(max(look[role] for look in looks), 1) for role in ROLES}


def _memory_now(service: Service) -> dict[str, float]:
    time.sleep(_BETWEEN_LOOKS_S)
    return {role: sum(map(pss_mb, service.pids(role))) for role in ROLES}


def _children_cpu_s(service: Service) -> float:
    """Gives the processor time that all children have used so far."""
    ticks = 0
    for pid in (pid for role in ROLES if "child" in role for pid in service.pids(role)):
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(facts[11]) + int(facts[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _pages_done(service: Service, job_id: str) -> int:
    time.sleep(0.05)
    return int(service.job(job_id)["progress"]["pages_done"])


if __name__ == "__main__":
    main()

"""A long scanned document: its first page comes soon, and no process grows with its length."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.document import measure_document
from tests.faults.pdfs import scanned_pdf
from tests.service import running

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

PAGES = 300
MOST_GROWTH_MB = 15.0


def test_memory_stays_flat_and_the_first_page_comes_soon(tmp_path: Path) -> None:
    environment = {"DEFAULT_MODEL": "scripted", "LOG_LEVEL": "warning"}
    with running(tmp_path / "data", environment) as service:
        figures = measure_document(service, scanned_pdf(PAGES, small=True), PAGES)
    assert figures.first_page_s < 3
    assert max(figures.growth_mb.values()) < MOST_GROWTH_MB, figures

"""Pages a second and character error rates on a CPU, beside bare engines and OCRmyPDF.

The same evaluation pages, as many at the same time, in turns; and the same languages told to all:
once those of each page, once all four of the pages.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.evaluation import LANGUAGES, EvaluationPage, evaluation_pages
from bench.extent import Extent
from bench.readers import (
    LanguagesOf,
    RapidOcrBare,
    Reader,
    Served,
    bare_readers,
    without_repeats,
)
from tests.service import Service, running

_AUTO, _TESSERACT, _RAPIDOCR = "ours, auto", "ours, tesseract", "ours, rapidocr"
_BARE_RAPIDOCR = {"RapidOCR": True, "RapidOCR, lines not turned": False}
_WITHOUT_ARABIC = ("Latin", "Chinese")


def measure_reading_on_cpu(extent: Extent) -> dict[str, object]:
    """Gives by setting and reader pages/s of each turn, and the error rate of each page."""
    pages = evaluation_pages(extent.pages)
    others = bare_readers(extent.environments, extent.processes)
    present = {name: make() for name, (why_not, make) in others.items() if why_not is None}
    with tempfile.TemporaryDirectory() as folder:
        environment = {"LOG_LEVEL": "warning"}
        with running(Path(folder) / "data", environment, extent.processes) as service:
            ours: dict[str, Reader] = {
                _AUTO: Served(service, "auto"),
                _TESSERACT: Served(service, "tesseract"),
            }
            settings = {
                name: _compare(
                    {**ours, **without_repeats(present, pages, languages)}, pages, languages, extent
                )
                for name, languages in _told(extent).items()
            }
            settings["without Arabic"] = _without_arabic(service, pages, extent)
    skipped = {name: why_not for name, (why_not, _) in others.items() if why_not is not None}
    groups = {page.path.name: page.group for page in pages}
    return {"skipped": skipped, "groups": groups, "settings": settings}


def _without_arabic(
    service: Service, pages: Sequence[EvaluationPage], extent: Extent
) -> Mapping[str, object]:
    chosen = [page for page in pages if page.group in _WITHOUT_ARABIC]
    with ExitStack() as stack:
        readers: dict[str, Reader] = {_RAPIDOCR: Served(service, "rapidocr")}
        for name, turns_lines in list(_BARE_RAPIDOCR.items())[: None if extent.is_whole else 1]:
            bare = RapidOcrBare(extent.processes, turns_lines=turns_lines)
            readers[name] = stack.enter_context(bare)
        return _compare(readers, chosen, _none, extent)


def _compare(
    readers: Mapping[str, Reader],
    pages: Sequence[EvaluationPage],
    languages: LanguagesOf,
    extent: Extent,
) -> Mapping[str, object]:
    """Lets the readers take turns, after two pages each that load what stays loaded.

    Each process of bare RapidOCR has loaded when it is entered; what is a process a page loads for
    each page, within its time.
    """
    rates: dict[str, list[float]] = {name: [] for name in readers}
    errors: dict[str, dict[str, float]] = {}
    for reader in readers.values() if extent.is_whole else ():
        reader.read_all(pages[:2], languages)
    for _ in range(extent.readings):
        for name, reader in readers.items():
            started_at = time.perf_counter()
            texts = reader.read_all(pages, languages)
            rates[name].append(round(len(pages) / (time.perf_counter() - started_at), 3))
            errors[name] = {
                page.path.name: page.error_rate(text)
                for page, text in zip(pages, texts, strict=True)
            }
    return {name: {"pages_per_s": rates[name], "error_rates": errors[name]} for name in readers}


def _told(extent: Extent) -> Mapping[str, LanguagesOf]:
    own = {"own languages": _own}
    return {**own, "all languages": _all} if extent.is_whole else own


def _own(page: EvaluationPage) -> Sequence[str]:
    return page.languages


def _all(_page: EvaluationPage) -> Sequence[str]:
    return LANGUAGES


def _none(_page: EvaluationPage) -> Sequence[str]:
    return ()

"""Programs that read pages on a CPU: this service, engines called bare, and OCRmyPDF."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from bench.environments import is_installed, program
from bench.evaluation import LANGUAGES, EvaluationPage
from bench.plain_engines import read_rapidocr
from ocr_api.engines.tessdata_index import SHIPPED_DIR, SUFFIX, find_languages
from tests.service import Service

_SMALL_PAGE = Path(__file__).parent.parent / "tests" / "checkpoints" / "pages" / "got-number.png"
_LOAD_S = 120.0
"""In which all processes of a reader must have loaded."""

LanguagesOf = Callable[[EvaluationPage], Sequence[str]]
"""Gives Tesseract's names of the languages that a reader is told for a page."""


class Reader(Protocol):
    """A program that reads pages, some at the same time."""

    def read_all(self, pages: Sequence[EvaluationPage], languages: LanguagesOf) -> Sequence[str]:
        """Gives the texts of the pages."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """This service over HTTP, all pages submitted at once.

    Attributes:
        service: Running.
        model: As callers name it.
    """

    service: Service
    model: str

    def read_all(self, pages: Sequence[EvaluationPage], languages: LanguagesOf) -> Sequence[str]:
        """See `Reader`; a language without data here is not told."""
        known = find_languages(environ=os.environ)

        def submit(page: EvaluationPage) -> str:
            codes = ",".join(code for code in languages(page) if code in known)
            told = {"model": self.model, **({"language": codes} if codes else {})}
            return self.service.submit(page.path.read_bytes(), filename=page.path.name, **told)

        with ThreadPoolExecutor(len(pages)) as callers:
            ids = callers.map(submit, pages)
            jobs = list(callers.map(lambda job_id: self.service.ended(job_id, 300), ids))
        if any(job["status"] != "completed" for job in jobs):
            raise RuntimeError(jobs)
        return [job["result"]["text"] for job in jobs]


@dataclass(frozen=True, slots=True)
class TesseractBinary:
    """`tesseract` of the system, a process a page.

    Attributes:
        processes: At the same time, one thread each.
        data: Folder whose language data it uses where they are there; None = its own.
    """

    processes: int
    data: Path | None = None

    def read_all(self, pages: Sequence[EvaluationPage], languages: LanguagesOf) -> Sequence[str]:
        """See `Reader`."""
        with ThreadPoolExecutor(self.processes) as turns:
            return list(turns.map(lambda page: self._read(page, languages(page)), pages))

    def uses_data(self, languages: Sequence[str]) -> bool:
        """Tells whether it has data for all these languages; with one missing, none is used."""
        data = self.data
        return data is not None and all((data / f"{code}{SUFFIX}").exists() for code in languages)

    def _read(self, page: EvaluationPage, languages: Sequence[str]) -> str:
        told = ["-l", "+".join(languages), "--dpi", str(page.dpi)]
        if self.uses_data(languages):
            told += ["--tessdata-dir", str(self.data)]
        return _run(["tesseract", str(page.path), "stdout", *told])


class RapidOcrBare:
    """RapidOCR called directly, a few processes of one thread; close it.

    Args:
        processes: That read at the same time.
        turns_lines: Whether the classifier that turns lines over is used, as by default.
    """

    def __init__(self, processes: int, *, turns_lines: bool) -> None:
        context = get_context("spawn")
        self._processes = processes
        load = partial(_load_rapidocr, turns_lines=turns_lines)
        all_loaded = context.Barrier(processes, timeout=_LOAD_S)
        self._pool = ProcessPoolExecutor(processes, context, load, (all_loaded,))
        self._read = partial(read_rapidocr, turns_lines=turns_lines)

    def __enter__(self) -> Self:
        """Gives itself once each process has loaded."""
        # none of them takes work before all have loaded, so each of these starts one
        for started in [self._pool.submit(os.getpid) for _ in range(self._processes)]:
            started.result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the processes."""
        self._pool.shutdown()

    def read_all(self, pages: Sequence[EvaluationPage], languages: LanguagesOf) -> Sequence[str]:
        """See `Reader`; it has one model for all its languages."""
        del languages
        return list(self._pool.map(self._read, [page.path for page in pages]))


@dataclass(frozen=True, slots=True)
class OcrMyPdf:
    """OCRmyPDF, which turns and straightens pages too; its text comes from the sidecar file.

    Attributes:
        environments: Folder that holds its environment.
        processes: Pages at the same time.
    """

    environments: Path
    processes: int

    def read_all(self, pages: Sequence[EvaluationPage], languages: LanguagesOf) -> Sequence[str]:
        """See `Reader`; a process a page."""
        with ThreadPoolExecutor(self.processes) as turns:
            return list(turns.map(lambda page: self._read(page, languages(page)), pages))

    def _read(self, page: EvaluationPage, languages: Sequence[str]) -> str:
        command = program("ocrmypdf", "ocrmypdf", self.environments)
        told = ["--image-dpi", str(page.dpi), "-l", "+".join(languages), "--jobs", "1"]
        told += ["--rotate-pages", "--deskew", "--output-type", "pdf", "--optimize", "0"]
        with tempfile.TemporaryDirectory() as folder:
            sidecar = Path(folder) / "text"
            made = str(Path(folder) / "made.pdf")
            _run([str(command), *told, "--sidecar", str(sidecar), str(page.path), made])
            return sidecar.read_text()


def why_no_tesseract() -> str | None:
    """Tells why the system's Tesseract can't be compared; None = it can."""
    if shutil.which("tesseract") is None:
        return "no `tesseract` on PATH"
    missing = sorted(set(LANGUAGES) - set(_run(["tesseract", "--list-langs"]).split()))
    return f"Tesseract has no data for {', '.join(missing)}" if missing else None


def why_no_ocrmypdf(environments: Path) -> str | None:
    """Tells why OCRmyPDF can't be compared; None = it can."""
    if not is_installed("ocrmypdf", environments):
        return "not installed"
    return why_no_tesseract()


def tesseract_version() -> str:
    """Gives the version of the system's Tesseract."""
    return _run(["tesseract", "--version"]).split()[1]


def bare_readers(
    environments: Path, processes: int
) -> Mapping[str, tuple[str | None, Callable[[], Reader]]]:
    """Gives, for each of the others, why it's left out (or None) and what makes it."""
    tesseract = why_no_tesseract()
    return {
        "tesseract": (tesseract, partial(TesseractBinary, processes)),
        "tesseract, our data": (tesseract, partial(TesseractBinary, processes, SHIPPED_DIR)),
        "OCRmyPDF": (
            why_no_ocrmypdf(environments),
            partial(OcrMyPdf, environments, processes),
        ),
    }


def without_repeats(
    readers: Mapping[str, Reader], pages: Sequence[EvaluationPage], languages: LanguagesOf
) -> Mapping[str, Reader]:
    """Leaves out a Tesseract that would use its own data for every page: it is there already."""
    told = [languages(page) for page in pages]
    return {
        name: reader
        for name, reader in readers.items()
        if not isinstance(reader, TesseractBinary)
        or reader.data is None
        or any(map(reader.uses_data, told))
    }


def _load_rapidocr(all_loaded: Barrier, *, turns_lines: bool) -> None:
    """Has a process read a small page, and waits until all of them have.

    Raises:
        threading.BrokenBarrierError: One of them did not in time.
    """
    read_rapidocr(_SMALL_PAGE, turns_lines=turns_lines)
    all_loaded.wait()


def _run(command: Sequence[str]) -> str:
    """Gives what a command prints.

    Raises:
        RuntimeError: It failed.
    """
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(command, done.stderr[-2000:])
    return done.stdout

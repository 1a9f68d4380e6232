"""All benchmarks of docs/benchmarks.md in one run: `make benchmarks`.

Writes `figures.json` and the pictures into `docs/benchmarks/`, and puts the tables into
`docs/benchmarks.md`. `--only PART …` measures these parts anew and keeps the others; `--render`
measures nothing; `--quick --out DIR` shows in seconds that everything runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.batches import measure_batches
from bench.cpu_reading import measure_reading_on_cpu
from bench.environments import ROOT, install, version
from bench.extent import QUICK, Extent
from bench.machine import describe_machine, load_average, today
from bench.memory import measure_memory
from bench.overhead import measure_overhead
from bench.pictures import pictures_of
from bench.readers import tesseract_version, why_no_tesseract
from bench.report import fill, tables_of
from bench.services import measure_services
from bench.startup import measure_startup
from bench.throughput import measure_throughput
from tests.service import running

PAGE = ROOT / "docs" / "benchmarks.md"
FOLDER = ROOT / "docs" / "benchmarks"
_FIGURES = "figures.json"
_OTHERS = {"taskiq": ("taskiq-redis", "taskiq"), "arq": ("arq",), "rq": ("rq",)}
_OTHERS_READING = {"ocrmypdf": ("ocrmypdf",)}


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark.

    Attributes:
        title: For people.
        measure: Gives its figures.
    """

    title: str
    measure: Callable[[Extent], Mapping[str, object]]


def measure_service(extent: Extent) -> Mapping[str, object]:
    """Gives what the service adds to the steps of reading, and what it takes when idle."""
    figures: dict[str, object] = {"from start to ready": measure_startup(extent.starts)}
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        with running(data_dir, {"LOG_LEVEL": "warning"}, extent.processes) as service:
            figures["memory, idle"] = measure_memory(service)
            figures["one idle job"] = measure_overhead(service, 2 * extent.jobs)
            figures["throughput"] = measure_throughput(
                service,
                extent.processes,
                extent.readings,
                extent.pages,
                warms_up=extent.is_whole,
            )
    return figures


PARTS = {
    "service": Part("the service and the same steps bare", measure_service),
    "http": Part("no-op jobs over HTTP", measure_services),
    "reading": Part("reading on a CPU", measure_reading_on_cpu),
    "batches": Part("pages of a model together", measure_batches),
}


def main() -> None:
    """Measures, writes, renders."""
    chosen = _arguments()
    extent = _extent(chosen)
    if not chosen.quick and not chosen.render:
        install((*_OTHERS, *_OTHERS_READING), extent.environments)
    names = () if chosen.render else chosen.only or tuple(PARTS)
    measure(names, extent, chosen.out, _say)
    page = PAGE if chosen.out == FOLDER else None
    render(chosen.out, page)


def _extent(chosen: argparse.Namespace) -> Extent:
    extent = replace(QUICK if chosen.quick else Extent(), device=chosen.device)
    if chosen.rounds is None:
        return extent
    return replace(extent, rounds=chosen.rounds, readings=chosen.rounds)


def measure(names: Sequence[str], extent: Extent, folder: Path, say: Callable[[str], None]) -> None:
    """Measures parts and keeps each one's figures as soon as they are there.

    Args:
        names: Of `PARTS`.
        extent: How much.
        folder: That holds `figures.json`; made.
        say: Is told what is measured.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / _FIGURES
    run: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"parts": {}}
    for name in names:
        say(f"{name}: {PARTS[name].title}, load average {load_average()}")
        run |= {"date": today(), "machine": describe_machine(), "others": _others()}
        run["parts"] = _ordered({**run["parts"], name: _measure_part(name, extent)})
        file.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n")


def render(folder: Path, page: Path | None) -> None:
    """Draws the pictures beside the figures, and fills the page's tables."""
    run = json.loads((folder / _FIGURES).read_text())
    for file, picture in pictures_of(run).items():
        (folder / file).write_text(picture)
    tables = tables_of(run)
    if page is not None:
        page.write_text(fill(page.read_text(), tables))


def _measure_part(name: str, extent: Extent) -> Mapping[str, object]:
    load = load_average()
    started_at = time.perf_counter()
    figures = PARTS[name].measure(extent)
    return {
        "title": PARTS[name].title,
        "command": f".venv/bin/python -m bench.all --only {name}",
        "date": today(),
        "load_average": load,
        "extent": {**asdict(extent), "environments": extent.environments.name},
        "took_s": round(time.perf_counter() - started_at),
        "figures": figures,
    }


def _ordered(parts: Mapping[str, object]) -> Mapping[str, object]:
    return {name: parts[name] for name in PARTS if name in parts}


def _others() -> Sequence[str]:
    """Gives names and versions of the programs that are compared."""
    pinned = {**_OTHERS, **_OTHERS_READING}
    found = [f"{one} {version(name, one)}" for name, ones in pinned.items() for one in ones]
    if why_no_tesseract() is None:
        found.append(f"tesseract {tesseract_version()}")
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.all", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="measure these parts")
    parser.add_argument("--render", action="store_true", help="measure nothing")
    parser.add_argument("--quick", action="store_true", help="figures that tell nothing")
    parser.add_argument("--rounds", type=int, help="of everything, in place of 3 and 2")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, default=FOLDER)
    chosen = parser.parse_args()
    if chosen.quick and chosen.out == FOLDER:
        parser.error("--quick needs --out: its figures are none for the page")
    return chosen


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""How long a switch takes until the new model has answered, against transformers alone.

`python -m bench.switch [--runs 5]`, with GOT: the small checkpoint, and one of 1.1 GB. Ours: from
`POST /models/switch` to the text of a job that is submitted next and names no model. Bare: a fresh
process that imports transformers, loads the same files and reads the same page. Both in turns, the
files in the page cache, 16 bits, on the CPU, equally nice, with threads that wait asleep. Then
switches between two models that are loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.checkpoints.large_got import write_large_got
from tests.models.serving import CHECKPOINTS, MODELS, page_bytes, put_into_models_dir, serving
from tests.service import Service

_NICENESS = "5"
"""That of the service's children."""
_SMALL_TOKENS, _LARGE_TOKENS = 160, 3
_BARE = "bench.models.bare_read"
_MODEL, _PAGE = "got", "got-invoice.png"


@dataclass(frozen=True, slots=True)
class Case:
    """A checkpoint of GOT to switch to.

    Attributes:
        weights: Its folder.
        tokens: Most that an answer may have.
    """

    weights: Path
    tokens: int


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock, and seconds of processor, which tell more where the machine is shared.

    Ours hold all of the service, which also decodes and inspects the page; the bare ones hold the
    end of the process, too.
    """

    wall_s: float
    cpu_s: float


def main() -> None:
    """Measures and prints."""
    chosen = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with _service(folder / "small", _SMALL_TOKENS) as service:
            small = Case(folder / "small" / "models" / _MODEL, _SMALL_TOKENS)
            _say("small checkpoint", compare(service, small, chosen.runs))
            _say("resident", resident(service, chosen.resident))
        large = Case(write_large_got(folder / "large" / "models" / _MODEL), _LARGE_TOKENS)
        with _service(folder / "large", _LARGE_TOKENS) as service:
            _say("1.1 GB", compare(service, large, chosen.runs))


def compare(service: Service, case: Case, runs: int) -> dict[str, object]:
    """Gives seconds of both, in turns, after one of each that counts for nothing."""
    ours: list[Took] = []
    bare: list[Took] = []
    for _ in range(runs + 1):
        ours.append(_switch_and_read(service))
        bare.append(_read_bare(case))
    return {
        "ours_s": [round(one.wall_s, 2) for one in ours[1:]],
        "bare_s": [round(one.wall_s, 2) for one in bare[1:]],
        "ratio": _ratio([one.wall_s for one in ours[1:]], [one.wall_s for one in bare[1:]]),
        "ours_cpu_s": [round(one.cpu_s, 2) for one in ours[1:]],
        "bare_cpu_s": [round(one.cpu_s, 2) for one in bare[1:]],
        "cpu_ratio": _ratio([one.cpu_s for one in ours[1:]], [one.cpu_s for one in bare[1:]]),
    }


def resident(service: Service, times: int) -> dict[str, float]:
    """Gives milliseconds of `POST /models/switch?wait=` between two loaded models."""
    for model in MODELS[:2]:
        _post(service, f"/models/{model}/load?wait=60")
    took_ms: list[float] = []
    for number in range(times):
        began_at = time.perf_counter()
        told = _post(service, "/models/switch?wait=60", model=MODELS[number % 2])
        took_ms.append((time.perf_counter() - began_at) * 1000)
        if told["status"] != "loaded":
            raise RuntimeError(told)
    return {
        "median_ms": round(statistics.median(took_ms), 1),
        "longest_ms": round(max(took_ms), 1),
        "switches": times,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.switch", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--resident", type=int, default=30, help="switches between loaded models")
    return parser.parse_args()


@contextmanager
def _service(folder: Path, tokens: int) -> Iterator[Service]:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "models").exists():
        put_into_models_dir(folder / "models", *MODELS)
    catalog = folder / "own.toml"
    catalog.write_text(
        "".join(
            f"[models.{model}]\nsettings = {{ max_new_tokens = {tokens} }}\n" for model in MODELS
        )
    )
    quantization = ",".join(f"{model}:none" for model in MODELS)
    with serving(folder, CATALOG_FILE=str(catalog), QUANTIZATION=quantization) as service:
        yield service


def _switch_and_read(service: Service) -> Took:
    _post(service, "/models/switch?wait=60", model="tesseract")
    while _post(service, f"/models/{_MODEL}/unload?wait=60")["status"] != "ready":
        time.sleep(0.1)
    page, cpu_s = page_bytes(_PAGE), _cpu_s(service.tree())
    began_at = time.perf_counter()
    _post(service, "/models/switch", model=_MODEL)
    job = service.ended(service.submit(page), 300)
    took_s = time.perf_counter() - began_at
    if (job["status"], job["model"]) != ("completed", _MODEL):
        raise RuntimeError(job)
    return Took(took_s, _cpu_s(service.tree()) - cpu_s)


def _read_bare(case: Case) -> Took:
    page = str(CHECKPOINTS / "pages" / _PAGE)
    arguments = [str(case.weights), page, str(case.tokens), str(time.time())]
    command = ["nice", "-n", _NICENESS, sys.executable, "-m", _BARE, *arguments]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(float(json.loads(done.stdout.splitlines()[-1])["read_s"]), cpu_s)


def _cpu_s(pids: Iterable[int]) -> float:
    """Seconds of processor of these processes and of their children that have ended."""
    ticks = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _post(service: Service, path: str, **body: str) -> dict[str, str]:
    answer = service.client.post(path, json=body or None, timeout=90)
    answer.raise_for_status()
    return dict(answer.json())


def _ratio(ours: list[float], bare: list[float]) -> float:
    return round(statistics.median(ours) / statistics.median(bare), 3)


def _say(name: str, told: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps({name: told}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

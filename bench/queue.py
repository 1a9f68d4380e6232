"""The queue alone, side by side with taskiq-redis and arq on one server: `python -m bench.queue`.

No-op pages: submitted first, then worked off by one worker process. A page counts once its result
is kept and acknowledged. For the others a page is a task, and its result lies in the server. Ours
is shown twice: as the service does it, each result in a file that is synced (whatever the server
does) before the pointer is committed; and with the result in the server, which is like for like.
The rounds take turns.
The others live in environments of their own (`--environments`), made on the first run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from redis.asyncio import Redis

from bench.environments import ENVIRONMENTS, ROOT, install, program
from ocr_api.store import EmbeddedServer, connect

_RUN_S = 120.0
_FSYNC = ("always", "everysec")
_NO_FILES = "-"


@dataclass(frozen=True, slots=True)
class Contender:
    """A queue.

    Attributes:
        name: For people.
        module: The program.
        requirements: Of its environment, exact; None = this one.
        keeps_files: Results go into files.
    """

    name: str
    module: str
    requirements: str | None = None
    keeps_files: bool = False


CONTENDERS = (
    Contender("ours", "own_queue", keeps_files=True),
    Contender("ours, results in the server", "own_queue"),
    Contender("taskiq-redis 1.2.4", "taskiq_queue", "taskiq"),
    Contender("arq 0.28.0", "arq_queue", "arq"),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: how the server syncs, and how the pages lie."""

    fsync: str
    jobs: int
    pages: int


@dataclass(frozen=True, slots=True)
class Rates:
    """What one run came to.

    Attributes:
        worked: Pages a second, from the start of the worker until the last is acknowledged.
        whole: The same with the time that submitting them took before.
        cpu_ms: Processor time of a page, its submission included, in the program.
        server_ms: The same in the server.
    """

    worked: float
    whole: float
    cpu_ms: float = 0.0
    server_ms: float = 0.0


Runs = Mapping[str, Sequence[Rates]]


async def measure(
    setting: Setting, contenders: Sequence[Contender], rounds: int, environments: Path
) -> Runs:
    """Lets the contenders take turns on one server."""
    runs: dict[str, list[Rates]] = {contender.name: [] for contender in contenders}
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedServer(Path(folder)) as server, connect(server.url) as redis:
            await redis.config_set("appendfsync", setting.fsync)
            for number in range(rounds):
                turn = number % len(contenders)
                for contender in (*contenders[turn:], *contenders[:turn]):
                    files = Path(folder) / f"{contender.module}-{number}"
                    command = _command(contender, setting, server.url, files, environments)
                    runs[contender.name].append(await _run(redis, command, setting))
    return runs


def _command(
    contender: Contender, setting: Setting, url: str, files: Path, environments: Path
) -> list[str]:
    kept_in = str(files) if contender.keeps_files else _NO_FILES
    load = (url, setting.jobs, setting.pages, 16, kept_in)
    python = _python(contender, environments)
    return [python, "-m", f"bench.contenders.{contender.module}", *map(str, load)]


async def _run(redis: Redis, command: Sequence[str], setting: Setting) -> Rates:
    await redis.flushall()
    before_s = await _server_cpu_s(redis)
    with anyio.fail_after(_RUN_S):
        done = await anyio.run_process(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=None
        )
    took = json.loads(done.stdout)
    pages = setting.jobs * setting.pages
    server_s = await _server_cpu_s(redis) - before_s
    return Rates(
        worked=pages / took["work_s"],
        whole=pages / (took["submit_s"] + took["work_s"]),
        cpu_ms=1000 * took["cpu_s"] / pages,
        server_ms=1000 * server_s / pages,
    )


async def _server_cpu_s(redis: Redis) -> float:
    used: Mapping[str, float] = await redis.info("cpu")
    return used["used_cpu_user"] + used["used_cpu_sys"]


def _python(contender: Contender, environments: Path) -> str:
    if contender.requirements is None:
        return sys.executable
    return str(program(contender.requirements, "python", environments))


def table(setting: Setting, runs: Runs) -> Iterator[str]:
    """Gives a Markdown row for each contender: medians, and the ratio to the best of the others."""
    others = [name for name in runs if not name.startswith("ours")]
    best = max((_median(runs[name], "worked") for name in others), default=None)
    best_whole = max((_median(runs[name], "whole") for name in others), default=None)
    for name, rates in runs.items():
        worked, whole = _median(rates, "worked"), _median(rates, "whole")
        ratios = (
            "- | -"
            if best is None or best_whole is None
            else f"{worked / best:.2f} | {whole / best_whole:.2f}"
        )
        row = f"| {setting.fsync} | {setting.jobs} x {setting.pages} | {name} "
        costs = f"{_median(rates, 'cpu_ms'):.2f} + {_median(rates, 'server_ms'):.2f}"
        yield f"{row}| {worked:.0f} | {whole:.0f} | {ratios} | {costs} |"


def _median(rates: Sequence[Rates], what: str) -> float:
    return float(statistics.median(getattr(rate, what) for rate in rates))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="bench.queue", description=__doc__)
    parser.add_argument("--pages", type=int, default=600, help="in each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--environments", type=Path, default=ENVIRONMENTS)
    parser.add_argument("--alone", action="store_true", help="without the others")
    chosen = parser.parse_args()
    contenders = CONTENDERS[:2] if chosen.alone else CONTENDERS
    if not chosen.alone:
        install([one.requirements for one in contenders if one.requirements], chosen.environments)
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    _tell(f"Python {platform.python_version()}, {os.cpu_count()} cores, load average {load}")
    _tell(
        "| fsync | jobs x pages | queue | pages/s | with submission | ratio | ratio "
        "| CPU ms a page: program + server |"
    )
    _tell("|---|---|---|---|---|---|---|---|")
    for fsync in _FSYNC:
        for pages in (1, 20):
            setting = Setting(fsync, chosen.pages // pages, pages)
            runs = anyio.run(measure, setting, contenders, chosen.rounds, chosen.environments)
            for row in table(setting, runs):
                _tell(row)


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

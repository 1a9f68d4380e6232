"""The whole service beside thin ones, a no-op job over HTTP: FastAPI with RQ, taskiq-redis and arq.

All on one Valkey over a unix socket, which syncs as the setting says, one after the other in turns;
each with one process for HTTP and two for its work (`CONTENDERS`). Where the server syncs always,
the thin services sync their uploads too, so that everybody's 202 means the same; else they do not.
Ours does more: it keeps upload and result in synced files either way, has a child decode the
picture and another one read it, and records each step with a fenced call.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio

from bench.environments import ROOT, is_installed, program, version
from bench.extent import Extent
from bench.http_jobs import Target, all_at_once, held, one_at_a_time, polled, submission
from bench.report import OURS, Figures
from ocr_api.store import EmbeddedServer, connect
from tests.service import free_port, running, small_png

_TURN_S = 300.0
_START_S = 30.0
_STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Contender:
    """A thin service.

    Attributes:
        name: For people; `{version}` is the package's.
        requirements: Its environment, named after its queue.
        package: The queue's, whose version is told.
        workers: Command lines of its workers; `{url}` is the server's, `{module}` the
            service's.
    """

    name: str
    requirements: str
    package: str
    workers: Sequence[str]

    @property
    def label(self) -> str:
        """Name with version."""
        return self.name.format(version=version(self.requirements, self.package))


CONTENDERS = (
    Contender(
        "FastAPI + taskiq-redis {version}",
        "taskiq",
        "taskiq-redis",
        ("taskiq worker {module}:make_broker --workers 2 --log-level WARNING",),
    ),
    Contender(
        "FastAPI + arq {version}", "arq", "arq", ("python -m bench.contenders.arq_service",) * 2
    ),
    Contender("FastAPI + RQ {version}", "rq", "rq", ("rq worker --quiet --url {url}",) * 2),
    Contender(
        "FastAPI + RQ {version}, no fork",
        "rq",
        "rq",
        ("rq worker --quiet --url {url} --worker-class rq.SimpleWorker",) * 2,
    ),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a service is run on for one turn.

    Attributes:
        url: Of the queue's server.
        folder: For its files.
        extent: How much is measured.
        syncs: Uploads of the thin services are on the disk before they are accepted, as ours are.
    """

    url: str
    folder: Path
    extent: Extent
    syncs: bool


@dataclass(frozen=True, slots=True)
class Took:
    """What one turn came to.

    Attributes:
        held_ms: Of single jobs whose answers are held.
        polled_ms: Of single jobs that are looked for every 5 ms.
        jobs_per_s: Of all callers together, answers held.
    """

    held_ms: Sequence[float]
    polled_ms: Sequence[float]
    jobs_per_s: float


def measure_services(extent: Extent) -> dict[str, object]:
    """Gives for each way of syncing and each service the figures of its turns."""
    present = [one for one in CONTENDERS if is_installed(one.requirements, extent.environments)]
    missing = [one.label for one in CONTENDERS if one not in present]
    return {
        "skipped": dict.fromkeys(missing, "not installed"),
        **{fsync: anyio.run(compare, fsync, present, extent) for fsync in extent.fsync},
    }


async def compare(
    fsync: str, contenders: Sequence[Contender], extent: Extent
) -> Mapping[str, Figures]:
    """Lets ours and others take turns on one server; gives the figures of each by its label.

    Args:
        fsync: As in `appendfsync`.
        contenders: Whose environments are installed.
        extent: How much.
    """
    turns: dict[str, list[Took]] = {OURS: [], **{one.label: [] for one in contenders}}
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedServer(Path(folder)) as server, connect(server.url) as redis:
            await redis.config_set("appendfsync", fsync)
            for number in range(extent.rounds):
                for contender in _in_turn((None, *contenders), number):
                    await redis.flushall()
                    place = Path(tempfile.mkdtemp(dir=folder))
                    setting = Setting(server.url, place, extent, syncs=fsync == "always")
                    async with _serving(contender, setting) as target:
                        with anyio.fail_after(_TURN_S):
                            took = await _measure(target, extent)
                    turns[contender.label if contender else OURS].append(took)
    return {name: _figures(took) for name, took in turns.items()}


def _in_turn(contenders: Sequence[Contender | None], number: int) -> Sequence[Contender | None]:
    turn = number % len(contenders)
    return (*contenders[turn:], *contenders[:turn])


async def _measure(target: Target, extent: Extent) -> Took:
    await all_at_once(target, extent.warm_up, 2, held)
    return Took(
        held_ms=await one_at_a_time(target, extent.jobs, held),
        polled_ms=await one_at_a_time(target, extent.jobs, polled),
        jobs_per_s=await all_at_once(target, extent.burst, extent.callers, held),
    )


def _figures(turns: Sequence[Took]) -> Figures:
    return {
        "held_ms": [[round(ms, 2) for ms in turn.held_ms] for turn in turns],
        "polled_ms": [[round(ms, 2) for ms in turn.polled_ms] for turn in turns],
        "jobs_per_s": [round(turn.jobs_per_s, 1) for turn in turns],
    }


@asynccontextmanager
async def _serving(contender: Contender | None, setting: Setting) -> AsyncIterator[Target]:
    """Runs a service for the time of the context; None = ours."""
    with ExitStack() as stack:
        if contender is None:
            environment = {"LOG_LEVEL": "warning", "REDIS_URL": setting.url}
            data, processes = setting.folder / "data", setting.extent.processes
            service = stack.enter_context(running(data, environment, processes))
            yield Target(service.port, submission(small_png(), "?model=scripted"))
        else:
            port = stack.enter_context(_thin_service(contender, setting))
            target = Target(port, submission(small_png()))
            await _until_it_reads(target)
            yield target


@contextmanager
def _thin_service(contender: Contender, setting: Setting) -> Iterator[int]:
    port, folder, name = free_port(), setting.folder, contender.requirements
    module = f"bench.contenders.{name}_service"
    serving = f"uvicorn --factory {module}:make_app --port {port} --log-level warning"
    told = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "QUEUE_URL": setting.url}
    if setting.syncs:
        told["SYNC_UPLOADS"] = "1"
    log = (folder / "log").open("wb")
    with ExitStack() as stack:
        stack.enter_context(log)
        for line in (serving, *contender.workers):
            command, *arguments = line.format(url=setting.url, module=module).split()
            path = str(program(name, command, setting.extent.environments))
            process = subprocess.Popen(
                [path, *arguments],
                cwd=ROOT,
                env={**told, "UPLOADS": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            stack.callback(_end, process)
        yield port


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and what it started."""
    with suppress(subprocess.TimeoutExpired):
        process.terminate()
        process.wait(_STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


async def _until_it_reads(target: Target) -> None:
    """Waits until a first page has been read."""
    deadline = time.monotonic() + _START_S
    while True:
        try:
            async with target.connection() as connection:
                with anyio.fail_after(_START_S):
                    await held(connection, target)
        except OSError:
            if time.monotonic() > deadline:
                raise
            await anyio.sleep(0.05)
        else:
            return

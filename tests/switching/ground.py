"""Two APIs and two workers as processes of their own, beside one store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import httpx

from ocr_api.store import EmbeddedServer
from tests.service import descendants, free_port

_START_S = 60.0
_STOP_S = 40.0
_COMMAND = (sys.executable, "-P", "-m", "ocr_api.cli.main")
_MODEL_CHILD = "ocr_api.child.model_process"


@dataclass(frozen=True, slots=True)
class Ground:
    """A service that runs.

    Attributes:
        apis: Addresses of its replicas.
        workers: Process ids of its workers.
        store_url: Of its store.
        blobs_dir: Its uploads and results.
        log: What all its processes say, as JSON.
    """

    apis: tuple[str, ...]
    workers: tuple[int, ...]
    store_url: str
    blobs_dir: Path
    log: Path

    def model_children(self) -> dict[int, list[int]]:
        """Process ids of the models' processes, by worker."""
        return {
            worker: [pid for pid, line in descendants(worker) if _MODEL_CHILD in line]
            for worker in self.workers
        }


@asynccontextmanager
async def running(
    folder: Path, environment: Mapping[str, str], replicas: int = 2, workers: int = 2
) -> AsyncIterator[Ground]:
    """Runs the service for the time of the context."""
    async with EmbeddedServer(folder / "store") as server:
        told = {**_environment(folder), **environment, "REDIS_URL": server.url}
        ports = [free_port() for _ in range(replicas)]
        log = folder / "service.log"
        started: list[subprocess.Popen[bytes]] = []
        try:
            started += [_start(log, told, "api", "--port", str(port)) for port in ports]
            worker = ("worker", "--processes", "1", "--no-notifier")
            started += [_start(log, told, *worker) for _ in range(workers)]
            apis = tuple(f"http://127.0.0.1:{port}" for port in ports)
            pids = tuple(process.pid for process in started[replicas:])
            ground = Ground(apis, pids, server.url, folder / "data" / "uploads", log)
            await _ready(ground)
            yield ground
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(_stop, started)


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "DATA_DIR": str(folder / "data"), "LOG_FORMAT": "json", "LOG_LEVEL": "info"}


def _start(log: Path, environment: Mapping[str, str], *command: str) -> subprocess.Popen[bytes]:
    with log.open("ab") as told:
        return subprocess.Popen(
            [*_COMMAND, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
        )


def _stop(started: list[subprocess.Popen[bytes]]) -> None:
    for process in started:
        process.terminate()
    for process in started:
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _ready(ground: Ground) -> None:
    """Waits until every replica answers and every worker has told of itself."""
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        with anyio.fail_after(_START_S):
            for api in ground.apis:
                while not await _is_ready(client, api, len(ground.workers)):
                    await anyio.sleep(0.05)


async def _is_ready(client: httpx.AsyncClient, api: str, workers: int) -> bool:
    try:
        told = await client.get(f"{api}/models/current")
    except httpx.HTTPError:
        return False
    return told.is_success and len(told.json()["workers"]) == workers

"""The service under chaos: `ocr-api serve`, or its programs one by one beside their store."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx

from ocr_api.cli.supervision import Program, keep_running
from ocr_api.store import EmbeddedServer, running_server_url
from tests.chaos.proxy import Proxy, proxied
from tests.service import descendants, free_port

_START_S = 60.0
_STOP_GRACE_S = 40.0
_CATALOG = """
[models.marks]
name = "Marks"
best_for = "chaos"
inspect = false
engine = "ocr_api.engines.scripted:ScriptedEngine"
settings = { delay_s = 0.05, text = "{width}x{height} ink {ink}" }

[models.seen]
name = "Marks, inspected"
best_for = "chaos"
inspect = true
engine = "ocr_api.engines.scripted:ScriptedEngine"
settings = { delay_s = 0.05, text = "{width}x{height} ink {ink}" }
"""

ROLES = {
    "model child": "ocr_api.child.model_process",
    "document child": "ocr_api.child.document_process",
    "inspecting child": "ocr_api.child.inspect_process",
    "worker": " worker ",
    "notifier": " notify ",
    "api": " api ",
    "valkey": "valkey-server",
    "serve": " serve ",
}
"""What the command line of each process has in it."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A service that runs, below this very process.

    Attributes:
        data_dir: Its data.
        base_url: Of its API.
        environment: Of its programs.
        proxy: Before its store; None = the embedded one.
        store: Its store, where it is not `serve` that runs it.
    """

    data_dir: Path
    base_url: str
    environment: Mapping[str, str]
    proxy: Proxy | None = None
    store: EmbeddedServer | None = None

    def pids(self, role: str) -> list[int]:
        """Process ids of one role."""
        return [pid for pid, line in descendants(os.getpid()) if ROLES[role] in line]

    def store_url(self) -> str:
        """Address of the store itself, past any proxy."""
        url = running_server_url(self.data_dir) if self.store is None else self.store.url
        assert url is not None
        return url


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Ground]:
    """Runs `ocr-api serve`, and starts it again when it dies."""
    port = free_port()
    environment = _environment(folder)
    command = ("serve", "--port", str(port), "--processes", "2")
    ground = Ground(folder / "data", f"http://127.0.0.1:{port}", environment)
    async with _running(Program("serve", command, environment)):
        await _ready(ground)
        yield ground


@asynccontextmanager
async def external(folder: Path) -> AsyncIterator[Ground]:
    """Runs an API, two workers and a notifier beside a store that can be cut off."""
    port = free_port()
    server = EmbeddedServer(folder / "store")
    async with server:
        socket_path = Path(server.url.removeprefix("unix://"))
        async with proxied(socket_path, free_port()) as proxy, _kept(server):
            url = f"redis://127.0.0.1:{proxy.port}/0"
            environment = {**_environment(folder), "REDIS_URL": url}
            ground = Ground(folder / "data", f"http://127.0.0.1:{port}", environment, proxy, server)
            worker = ("worker", "--processes", "1", "--no-notifier")
            commands = (("api", "--port", str(port)), worker, worker, ("notify",))
            programs = [Program(command[0], command, environment) for command in commands]
            async with _running(*programs):
                await _ready(ground)
                yield ground


def _environment(folder: Path) -> dict[str, str]:
    catalog = folder / "chaos.toml"
    catalog.write_text(_CATALOG)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    settings = {
        "DATA_DIR": str(folder / "data"),
        "CATALOG_FILE": str(catalog),
        "DEFAULT_MODEL": "marks",
        "LEASE_SECONDS": "2",
        "MAX_ATTEMPTS": "50",
        "DRAIN_SECONDS": "2",
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "WEBHOOK_RETRY_WAITS": "0.5",
        "WEBHOOK_MAX_RETRIES": "50",
        "WEBHOOK_TIMEOUT": "2",
        "LOG_FORMAT": "json",
    }
    return {**kept, **settings}


@asynccontextmanager
async def _running(*programs: Program) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        for program in programs:
            tasks.start_soon(keep_running, program, _STOP_GRACE_S)
        yield
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def _kept(server: EmbeddedServer) -> AsyncIterator[None]:
    """Starts the store again when it dies."""

    async def keep() -> None:
        while True:
            await server.wait_stopped()
            await anyio.sleep(0.2)
            await server.start()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep)
        yield
        tasks.cancel_scope.cancel()


async def _ready(ground: Ground) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        with anyio.fail_after(_START_S):
            while not await _is_ready(client, ground):
                await anyio.sleep(0.1)


async def _is_ready(client: httpx.AsyncClient, ground: Ground) -> bool:
    try:
        return (await client.get(f"{ground.base_url}/readyz")).is_success
    except httpx.HTTPError:
        return False

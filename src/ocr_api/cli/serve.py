"""The whole service on one machine: embedded Valkey, API, worker and notifier, supervised."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import typer

from ocr_api import __version__
from ocr_api.api.app import check_exposure
from ocr_api.api.listening import listening_socket
from ocr_api.cli.supervision import Program, keep_running, with_settings
from ocr_api.errors import StoreError
from ocr_api.observability import get_logger
from ocr_api.settings import Settings
from ocr_api.store import EmbeddedServer

_log = get_logger(__name__)
_STOP_GRACE_S = 5.0
_READY_POLL_S = 0.05
_SERVER_PAUSE_S = 0.2


async def serve(settings: Settings) -> None:
    """Runs until SIGINT, SIGTERM or SIGHUP.

    Raises:
        SettingsError: The address is taken, or must not be served without API keys.
        StoreInUseError: Another service owns the data directory.
    """
    check_exposure(settings)
    started_at = time.monotonic()
    with listening_socket(settings.api_host, settings.api_port) as listener:
        address = _address(listener)
        async with _store(settings) as redis_url, anyio.create_task_group() as programs:
            environment = _environment(settings, redis_url)
            for program in _programs(environment, listener.fileno()):
                programs.start_soon(keep_running, program, settings.drain_seconds + _STOP_GRACE_S)
            programs.start_soon(_announce, address, settings.data_dir.resolve(), started_at)
            await _stop_signal()
            _log.info("stopping")
            programs.cancel_scope.cancel()


def _programs(environment: Mapping[str, str], listener: int) -> tuple[Program, ...]:
    """The listening socket is ours, so that callers wait, not fail, while the API restarts."""
    return (
        Program("api", ("api", "--listen-fd", str(listener)), environment, (listener,)),
        Program("worker", ("worker", "--no-notifier"), environment),
        Program("notifier", ("notify",), environment),
    )


@asynccontextmanager
async def _store(settings: Settings) -> AsyncGenerator[str]:
    """Gives the URL of the queue's server; the embedded one runs as long as the context."""
    if not settings.is_store_embedded:
        yield settings.redis_address
        return
    server = EmbeddedServer(settings.data_dir)
    async with server, anyio.create_task_group() as watch:
        watch.start_soon(_keep_server_running, server)
        yield server.url
        watch.cancel_scope.cancel()


async def _keep_server_running(server: EmbeddedServer) -> None:
    while True:
        await server.wait_stopped()
        _log.error("program_died", program="valkey", restart_in_s=_SERVER_PAUSE_S)
        await anyio.sleep(_SERVER_PAUSE_S)
        try:
            await server.start()
        except StoreError as exc:
            _log.error("program_not_started", program="valkey", code=exc.code, detail=exc.detail)


async def _stop_signal() -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async for _ in signals:
            return


async def _announce(address: str, data_dir: Path, started_at: float) -> None:
    """Prints the address and a line to paste, once the service is ready."""
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=5.0) as client:
        while not await _is_ready(client):  # noqa: ASYNC110 - another process becomes ready
            await anyio.sleep(_READY_POLL_S)
    took_s = time.monotonic() - started_at
    typer.echo(
        f"OCR API {__version__} is ready at {address} after {took_s:.1f} s; "
        f"data in {data_dir}.\n"
        f"Open it in a browser, or paste:\n"
        f"  curl -F file=@page.png {address}/ocr\n"
        f"Stop with Ctrl-C."
    )


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).is_success
    except httpx.HTTPError:
        return False


def _environment(settings: Settings, redis_url: str) -> dict[str, str]:
    """Gives the programs our own environment and what the command line changed in it."""
    return with_settings(
        {
            "REDIS_URL": redis_url,
            "DATA_DIR": str(settings.data_dir.resolve()),
            "API_HOST": settings.api_host,
            "WORKER_PROCESSES": str(settings.worker_processes),
        }
    )


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    named = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    return f"http://[{named}]:{port}" if ":" in named else f"http://{named}:{port}"

"""A worker with a notifier beside it, neither knowing of the other; and a look at its heartbeat."""

from __future__ import annotations

import socket

import anyio
import typer

from ocr_api.cli.outcomes import Outcome
from ocr_api.cli.store_access import opened_stores
from ocr_api.cli.supervision import Program, keep_running, with_settings
from ocr_api.errors import OcrApiError
from ocr_api.settings import Settings
from ocr_api.worker.main import run_worker

_STOP_GRACE_S = 5.0


async def work(settings: Settings, *, with_notifier: bool) -> None:
    """Works until SIGTERM or SIGINT.

    Args:
        settings: `redis_url` or `redis_host` must be set.
        with_notifier: Whether a notifier runs beside it, as a process of its own that is kept
            running; any number of them may share one queue.

    Raises:
        SettingsError: A setting does not fit.
        StoreSchemaError: The data was written by a newer version.
    """
    if not with_notifier:
        await run_worker(settings)
        return
    environment = with_settings(
        {"REDIS_URL": settings.redis_address, "DATA_DIR": str(settings.data_dir.resolve())}
    )
    notifier = Program("notifier", ("notify",), environment)
    error: OcrApiError | None = None
    async with anyio.create_task_group() as programs:
        programs.start_soon(keep_running, notifier, settings.drain_seconds + _STOP_GRACE_S)
        try:
            await run_worker(settings)
        except OcrApiError as exc:
            error = exc  # raised outside, where no group wraps it
        programs.cancel_scope.cancel()
    if error is not None:
        raise error


async def check_worker(settings: Settings) -> Outcome:
    """Prints whether a worker of this machine (in a container: of this one) is alive.

    Alive means: its heartbeat reached the store within the last 4 seconds.

    Raises:
        StoreUnavailableError: The store is away.
        StoreSchemaError: A newer version wrote the data.
    """
    host = socket.gethostname()
    async with opened_stores(settings) as stores:
        alive = [worker.id for worker in await stores.store.workers() if worker.host == host]
    if not alive:
        typer.echo(f"no worker of {host} is alive", err=True)
        return Outcome.SOME_FAILED
    typer.echo(f"alive: {', '.join(alive)}")
    return Outcome.DONE

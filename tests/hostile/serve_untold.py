"""The service without its notifier: whatever webhook a job names, nothing is ever sent anywhere.

A program with the options of `ocr-api serve`, for tests that invent webhook addresses.
"""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

import anyio

from ocr_api.cli.supervision import Program, keep_running, with_settings
from ocr_api.store import EmbeddedServer

_GRACE_S = 15.0


async def serve(port: int, data_dir: Path, processes: int) -> None:
    """Runs queue, API and worker until SIGTERM."""
    server = EmbeddedServer(data_dir)
    async with server, anyio.create_task_group() as programs:
        environment = with_settings(
            {
                "REDIS_URL": server.url,
                "DATA_DIR": str(data_dir),
                "WORKER_PROCESSES": str(processes),
            }
        )
        for command in (("api", "--port", str(port)), ("worker", "--no-notifier")):
            program = Program(command[0], command, environment)
            programs.start_soon(keep_running, program, _GRACE_S)
        with anyio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                break
        programs.cancel_scope.cancel()


def main() -> None:
    """Reads the command line of `ocr-api serve`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=1)
    told = parser.parse_args()
    anyio.run(serve, told.port, told.data_dir, told.processes)


if __name__ == "__main__":
    main()

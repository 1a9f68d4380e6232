"""APIs and workers of unequal settings on one queue, each a program of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from anyio.from_thread import start_blocking_portal

from ocr_api.store import EmbeddedServer
from tests.service import eventually, free_port


class Fleet:
    """Programs that share a queue and a folder of data.

    Args:
        folder: For data and logs.
        url: Of the queue.
        environment: Settings of all programs.
    """

    def __init__(self, folder: Path, url: str, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.url = url
        self._environment = dict(environment)
        self._programs: list[subprocess.Popen[bytes]] = []
        self.client = httpx.Client(trust_env=False, timeout=60)

    def start_api(self) -> None:
        """Starts an API, which `client` speaks to from now on, and waits until it answers."""
        port = free_port()
        self._start("api", ["api", "--port", str(port)], {})
        self.client.base_url = httpx.URL(f"http://127.0.0.1:{port}")
        eventually(self._lives, 60, lambda: self.log("api")[-2000:])

    def start_worker(self, name: str, **settings: str) -> subprocess.Popen[bytes]:
        """Starts a worker, whose log has this name, and waits for its first report."""
        known = len(self.workers())
        command = ["worker", "--processes", "1", "--no-notifier"]
        started = self._start(name, command, settings)
        eventually(lambda: len(self.workers()) > known, 60, lambda: self.log(name)[-2000:])
        return started

    def stop(self, program: subprocess.Popen[bytes]) -> None:
        """Ends a program and waits for its end."""
        self._programs.remove(program)
        program.send_signal(signal.SIGTERM)
        program.wait(40)

    def close(self) -> None:
        """Ends all."""
        self.client.close()
        for program in list(self._programs):
            self.stop(program)

    def workers(self) -> list[dict[str, Any]]:
        """The live workers, as `/models/current` tells."""
        return list(self.get("/models/current")["workers"])

    def get(self, path: str) -> dict[str, Any]:
        """The JSON of a GET."""
        return dict(self.client.get(path).json())

    def post(self, path: str, status: int = 200, **body: str) -> dict[str, Any]:
        """The JSON of a POST that is answered with this status."""
        answer = self.client.post(path, json=body or None)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def submit(self, data: bytes, **options: str) -> str:
        """Submits a page; gives the job's id."""
        answer = self.client.post("/ocr", files={"file": ("page.png", data)}, data=options)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def ended(self, job_id: str, timeout_s: float = 60) -> dict[str, Any]:
        """The job once it has ended."""
        last: dict[str, Any] = {}

        def has_ended() -> bool:
            nonlocal last
            last = self.get(f"/ocr/{job_id}?wait=5")
            return last["status"] in {"completed", "failed"}

        eventually(has_ended, timeout_s, lambda: str(last))
        return last

    def log(self, name: str) -> str:
        """What a program has written."""
        return (self.folder / f"{name}.log").read_text()

    def _lives(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self.client.get("/livez").status_code == 200
        return False

    def _start(
        self, name: str, command: list[str], settings: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        shared = {"REDIS_URL": self.url, "DATA_DIR": str(self.folder / "data")}
        with (self.folder / f"{name}.log").open("ab") as log:
            program = subprocess.Popen(
                [sys.executable, "-m", "ocr_api.cli.main", *command],
                env={"PATH": os.environ["PATH"], **shared, **self._environment, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._programs.append(program)
        return program


@contextlib.contextmanager
def running_fleet(folder: Path, environment: Mapping[str, str]) -> Iterator[Fleet]:
    """A queue and an API without a worker, for the time of the context."""
    server = EmbeddedServer(folder / "server")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
        fleet = Fleet(folder, server.url, environment)
        try:
            fleet.start_api()
            yield fleet
        finally:
            fleet.close()

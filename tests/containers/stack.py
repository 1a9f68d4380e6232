"""The service of docker-compose.yml, started and looked at as an operator does: by typed lines."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PROJECT = "ocr-api-test"
STORE_USER = "999"
"""Who the queue's server runs as in docker-compose.yml."""

COMPOSE_FILE = "docker-compose.yml:docker-compose.cpu.yml"
CPU_BASE = "--build-arg BASE_IMAGE=python:3.12-slim-bookworm --build-arg EXTRAS="
"""What a base image without PyTorch is built with, where BASE_BUILD_ARGS says nothing else."""

_IN_CONTAINER = """
import os, signal, sys
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        line = open(f"/proc/{pid}/cmdline", "rb").read().replace(b"\\0", b" ").decode().strip()
    except OSError:
        continue
    is_meant = line.endswith(sys.argv[1]) or sys.argv[1] + " " in line
    if is_meant and int(pid) not in (1, os.getpid()):
        print(pid)
        os.kill(int(pid), signal.SIGKILL)
        break
else:
    sys.exit(f"no process of {sys.argv[1]!r}")
"""
"""Kills one process whose command line ends in, or has in it, some words; never the first one."""


@dataclass
class Stack:
    """The containers of one project.

    Attributes:
        port: Where the API is published on this machine's loopback.
        folder: Where lines with `image.png` are run.
        took_s: Seconds of each step that was timed, in order.
    """

    port: int
    folder: Path
    took_s: dict[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        """Begins with the settings that nobody has changed."""
        self.set_up("")

    @property
    def environment(self) -> Mapping[str, str]:
        """The shell's environment: the CPU override, and nothing of an operator's own."""
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST")},
            "COMPOSE_FILE": COMPOSE_FILE,
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_HTTP_TIMEOUT": "300",
            "API_PORT": str(self.port),
        }

    def set_up(self, settings: str) -> None:
        """Writes what stands in for an operator's `.env`: a file, as no device is taken."""
        self._settings.write_text(settings)

    def run(self, line: str, *, timeout_s: float = 1800, cwd: Path = ROOT) -> str:
        """Runs a line in a shell and gives its standard output; fails where it fails."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self._for_here(line)],  # noqa: S607
            env=self.environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def timed(self, line: str, *, timeout_s: float = 1800) -> str:
        """Does the same and notes how long it took."""
        started_at = time.monotonic()
        out = self.run(line, timeout_s=timeout_s)
        self.took_s[line] = time.monotonic() - started_at
        return out

    @contextlib.contextmanager
    def running(self, line: str) -> Iterator[Path]:
        """Runs a line that does not end; gives the file of its output, and ends it by Ctrl-C."""
        output = self.folder / "output"
        with output.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self._for_here(line)}"],  # noqa: S607
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
            try:
                yield output
            finally:
                os.killpg(process.pid, signal.SIGINT)
                try:
                    process.wait(120)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def get(self, path: str, key: str = "") -> httpx.Response:
        """A GET by a caller on this machine, who shows an API key or none."""
        address = f"http://localhost:{self.port}{path}"
        shown = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.get(address, headers=shown, timeout=90, trust_env=False)

    def submit(self, page: Path, **options: str) -> str:
        """Submits a page; gives the job's id."""
        answer = httpx.post(
            f"http://localhost:{self.port}/ocr",
            files={"file": (page.name, page.read_bytes())},
            data=options,
            timeout=90,
            trust_env=False,
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def ended(self, job_id: str, timeout_s: float = 240) -> dict[str, Any]:
        """The job once it has ended; the service may be away meanwhile."""
        last: dict[str, Any] = {}

        def has_ended() -> bool:
            nonlocal last
            with contextlib.suppress(httpx.HTTPError, ValueError):
                last = self.get(f"/ocr/{job_id}?wait=5").json()
            return last.get("status") in {"completed", "failed", "cancelled"}

        eventually(has_ended, timeout_s, lambda: f"{last}\n{self.logs()}")
        return last

    def is_well(self, workers: int = 1) -> bool:
        """The API answers, and so many workers are alive."""
        with contextlib.suppress(httpx.HTTPError, ValueError):
            told = self.get("/health").json()
            return bool(told["status"] == "healthy" and told["workers"] == workers)
        return False

    def comes_well(self, workers: int = 1) -> None:
        """Waits for that."""
        eventually(lambda: self.is_well(workers), 240, self.logs)

    def logs(self) -> str:
        """The last lines of all containers."""
        return self.run("docker-compose logs --no-color --tail 30; docker-compose ps")

    def containers(self, service: str) -> list[str]:
        """Ids of the service's containers that run."""
        return self.run(f"docker-compose ps -q {service}").split()

    def inspected(self, container: str) -> dict[str, Any]:
        """All that the engine knows of a container."""
        return dict(json.loads(self.run(f"docker inspect {container}"))[0])

    def kill_inside(self, service: str, words: str) -> None:
        """Kills (-9), from inside, one process that lives beside the container's main one."""
        script = shlex.quote(_IN_CONTAINER)
        line = f"docker-compose exec -T {service} python3 -c {script} {shlex.quote(words)}"
        assert self.run(line).strip().isdigit()

    def kill_main_inside(self, service: str, name: str) -> None:
        """Kills (-9), from inside, the process that the container is there for.

        It takes the container down, and this shell with it, whose end tells nothing then: that
        the container starts again does. The shell is all that the queue's image has for it.
        """
        script = (
            "for p in /proc/[0-9]*; do read -r name < $p/comm; "
            f'if [ "$name" = {name} ] && [ $p != /proc/1 ]; then kill -9 ${{p#/proc/}}; fi; done'
        )
        before = self._started_at(service)
        self.run(f"docker-compose exec -T {service} sh -c {shlex.quote(script)} || true")
        eventually(lambda: self._started_at(service) not in {"", before}, 60, self.logs)

    @property
    def _settings(self) -> Path:
        return self.folder / "no-settings.env"

    def _for_here(self, line: str) -> str:
        """The line as written, but for the port if 8000 was not free, and without a `.env`."""
        compose = f"docker-compose --env-file {shlex.quote(str(self._settings))} "
        return line.replace("docker-compose ", compose).replace(
            "localhost:8000", f"localhost:{self.port}"
        )

    def _started_at(self, service: str) -> str:
        found = self.containers(service)
        return str(self.inspected(found[0])["State"]["StartedAt"]) if found else ""

    def give_queue_to_its_user(self) -> bool:
        """Makes the queue's volume writable where the image has no folder /data of its own.

        Valkey's image has one, and a new volume takes its owner; an image that stands in for it
        may have none. Says whether that was needed.
        """
        volume, image = f"{PROJECT}_queue", self.store_image()
        mounted = f"docker run --rm --entrypoint= -v {volume}:/data"
        able = f"{mounted} --user {STORE_USER} {image} sh -c 'test -w /data && echo yes || echo no'"
        if self.run(able).strip() == "yes":
            return False
        self.run(f"{mounted} --user 0 {image} chown {STORE_USER} /data")
        return True

    def store_image(self) -> str:
        """The image of the queue's server."""
        text = (ROOT / "docker-compose.yml").read_text()
        return next(line.split()[1] for line in text.splitlines() if "image: valkey/" in line)

    def has_image(self, name: str) -> bool:
        """The engine has such an image."""
        return bool(self.run(f"docker images -q {name}").strip())

    def image_mib(self, name: str) -> float:
        """Size of an image, with all its layers."""
        told = self.run(f"docker image inspect --format '{{{{.Size}}}}' {name}")
        return int(told) / 2**20


def eventually(
    holds: Callable[[], bool], timeout_s: float, story: Callable[[], object] = lambda: ""
) -> None:
    """Waits until something holds; fails with the story where it never does."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {story()}"
        time.sleep(0.5)

"""The real service as a stranger runs it: `ocr-api serve` in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

ROLES = {
    "model child": "ocr_api.child.model_process",
    "document child": "ocr_api.child.document_process",
    "inspecting child": "ocr_api.child.inspect_process",
    "worker": " worker",
    "notifier": " notify",
    "api": " api --listen-fd",
    "valkey": "valkey-server",
}
"""What the command line of each process of the service has in it."""


class Service:
    """A running `ocr-api serve`.

    Args:
        data_dir: Its data; kept over a restart.
        environment: Settings beside those of this class.
        processes: Pages read at the same time.
        program: The module that is run; takes the options of `ocr-api serve`.
        prefix: A command line that runs it, such as one that mounts a small disk first.
        interpreter: The Python that it runs on, its children too.
    """

    def __init__(
        self,
        data_dir: Path,
        environment: Mapping[str, str] | None = None,
        processes: int = 2,
        program: str = "ocr_api.cli.main",
        prefix: Sequence[str] = (),
        interpreter: str = sys.executable,
    ) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.log = data_dir.with_name(f"{data_dir.name}.log")
        self._environment = dict(environment or {})
        self._processes = processes
        self._program = program
        self._prefix = tuple(prefix)
        self._interpreter = interpreter
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=30
        )

    @property
    def pid(self) -> int:
        """Process id of `serve`."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, wait: bool = True) -> None:
        """Starts it and waits until it is ready."""
        command = [*self._prefix, self._interpreter, "-m", self._program, "serve"]
        options = ["--port", str(self.port), "--data-dir", str(self.data_dir)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *options, "--processes", str(self._processes)],
                env={**_clean_environment(), **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            eventually(self.is_ready, 60, lambda: self.log.read_text()[-2000:])

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 40) -> int:
        """Sends a signal to `serve` and waits for its end."""
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(timeout_s)
        self._process = None
        return code

    def close(self) -> None:
        """Ends it in any case."""
        self.client.close()
        if self._process is not None and self._process.poll() is None:
            self.stop(signal.SIGTERM)

    def is_ready(self) -> bool:
        """`/readyz` answers 200."""
        return self.status_of("/readyz") == 200

    def status_of(self, path: str) -> int:
        """Status of a GET; 0 where nobody answers."""
        try:
            return self.client.get(path).status_code
        except httpx.HTTPError:
            return 0

    def submit(self, data: bytes, *, filename: str = "page.png", **options: str) -> str:
        """Submits a file; gives the job's id once the 202 is there."""
        answer = self.client.post("/ocr", files={"file": (filename, data)}, data=options)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it stands."""
        answer = self.client.get(f"/ocr/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def ended(self, job_id: str, timeout_s: float = 60) -> dict[str, Any]:
        """The job once it has ended; survives a service that is away meanwhile."""
        last: dict[str, Any] = {}

        def has_ended() -> bool:
            nonlocal last
            with contextlib.suppress(httpx.HTTPError):
                answer = self.client.get(f"/ocr/{job_id}", params={"wait": "5"})
                last = answer.json()
                return answer.status_code == 200 and last["status"] in {"completed", "failed"}
            return False

        eventually(has_ended, timeout_s, lambda: f"{last}\n{self.log.read_text()[-3000:]}")
        return last

    def pids(self, role: str) -> list[int]:
        """Process ids of one role, descendants of `serve` only."""
        return [pid for pid, line in descendants(self.pid) if ROLES[role] in line]

    def tree(self) -> list[int]:
        """Process ids of `serve` and all its descendants."""
        return [self.pid, *(pid for pid, _ in descendants(self.pid))]

    def kill(self, role: str) -> int:
        """Kills (-9) one process of a role; gives how many it hit (0 or 1)."""
        for pid in self.pids(role):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return 1
        return 0

    def blobs(self) -> list[str]:
        """Files in the object store, relative."""
        root = self.data_dir / "uploads"
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@contextlib.contextmanager
def running(
    data_dir: Path,
    environment: Mapping[str, str] | None = None,
    processes: int = 2,
    program: str = "ocr_api.cli.main",
) -> Iterator[Service]:
    """A service for the time of the context."""
    service = Service(data_dir, environment, processes, program)
    try:
        service.start()
        yield service
    finally:
        service.close()


def eventually(
    holds: Callable[[], bool], timeout_s: float, story: Callable[[], object] = lambda: ""
) -> None:
    """Waits until something holds; fails with the story where it never does."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            msg = f"not within {timeout_s:g} s: {story()}"
            raise AssertionError(msg)
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """The process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def blank_png(width: int = 200, height: int = 100) -> bytes:
    """A white PNG, made without a library."""
    return _grey_png(width, height, b"\xff" * width)


def small_png(width: int = 32, height: int = 16) -> bytes:
    """A grey PNG with dark stripes, made without a library."""
    return _grey_png(width, height, bytes(255 if column % 4 else 0 for column in range(width)))


def scripted_catalog(path: Path, **settings: object) -> Path:
    """Writes an operator's catalog with a model `slow` of the scripted engine."""
    told = ", ".join(f"{name} = {value!r}" for name, value in settings.items())
    path.write_text(
        '[models.slow]\nname = "Slow"\nbest_for = "tests"\ninspect = false\n'
        f'engine = "ocr_api.engines.scripted:ScriptedEngine"\nsettings = {{ {told} }}\n'
    )
    return path


def generating_catalog(path: Path, **models: Mapping[str, object]) -> Path:
    """Writes an operator's catalog with generating models of the scripted engine.

    Each runs in one process that reads up to 4 pages together and writes a word at a time.
    """
    path.write_text("".join(_generating_entry(model, told) for model, told in models.items()))
    return path


def _generating_entry(model: str, settings: Mapping[str, object]) -> str:
    told = ", ".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())
    return (
        f'[models.{model}]\nname = "{model}"\nbest_for = "tests"\ninspect = false\n'
        'engine = "ocr_api.engines.scripted:ScriptedEngine"\nquantization = "4bit"\n'
        'prompt_modes = ["text", "layout"]\nallows_prompt = true\n'
        f"batch_pages = 4\ninstances = 1\nsettings = {{ {told} }}\n"
    )


def _grey_png(width: int, height: int, row: bytes) -> bytes:
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress((b"\0" + row) * height)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def _clean_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def descendants(root: int) -> list[tuple[int, str]]:
    """Process ids and command lines of all processes below one."""
    parents: dict[int, int] = {}
    lines: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pid = int(folder.name)
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                parents[pid] = int(parent)
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                lines[pid] = line.decode(errors="replace")
    found = [root]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return [(pid, lines[pid]) for pid in found[1:]]

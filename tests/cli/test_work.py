"""`ocr-api worker` brings a notifier of its own, unless it is told otherwise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from ocr_api.store import EmbeddedServer, connect, keys
from tests.service import descendants, eventually, is_running

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedServer(tmp_path_factory.mktemp("server"))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
        yield server.url


@contextmanager
def running(url: str, data_dir: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "ocr_api.cli.main", *command, "--data-dir", str(data_dir)],
        env={**os.environ, "REDIS_URL": url, "WORKER_PROCESSES": "1"},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def notifiers(process: subprocess.Popen[bytes]) -> list[int]:
    return [pid for pid, line in descendants(process.pid) if " notify" in line]


def test_notifier_comes_and_goes_with_the_worker(url: str, tmp_path: Path) -> None:
    with running(url, tmp_path, "worker") as worker:
        eventually(lambda: len(notifiers(worker)) == 1, 20)
        (notifier,) = notifiers(worker)
        os.kill(notifier, signal.SIGKILL)
        eventually(lambda: notifiers(worker) not in ([], [notifier]), 20)
        (notifier,) = notifiers(worker)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
        assert not is_running(notifier)


def test_killed_worker_takes_its_notifier_down(url: str, tmp_path: Path) -> None:
    with running(url, tmp_path, "worker") as worker:
        eventually(lambda: len(notifiers(worker)) == 1, 20)
        (notifier,) = notifiers(worker)
        worker.kill()
        eventually(lambda: not is_running(notifier), 10)


def test_what_stops_a_worker_is_told_in_one_line(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "server")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
        portal.call(write_newer_schema, server.url)
        done = subprocess.run(
            [sys.executable, "-m", "ocr_api.cli.main", "worker", "--data-dir", str(tmp_path)],
            env={**os.environ, "REDIS_URL": server.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "store_schema_newer" in done.stderr
    assert "Traceback" not in done.stderr


async def write_newer_schema(url: str) -> None:
    async with connect(url) as redis:
        await redis.set(keys.SCHEMA, keys.SCHEMA_VERSION + 1)


def test_worker_without_a_notifier(url: str, tmp_path: Path) -> None:
    with running(url, tmp_path, "worker", "--no-notifier") as worker:
        eventually(lambda: len(descendants(worker.pid)) > 1, 20)
        assert notifiers(worker) == []


def check(url: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "ocr_api.cli.main", "worker", "--check"),
            *("--data-dir", str(tmp_path)),
        ],
        env={**os.environ, "REDIS_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_check_tells_whether_a_worker_of_this_machine_is_alive(url: str, tmp_path: Path) -> None:
    def is_alive() -> bool:
        return check(url, tmp_path).returncode == 0

    eventually(lambda: not is_alive(), 20)  # another test's may still be remembered
    with running(url, tmp_path, "worker", "--no-notifier") as worker:
        eventually(is_alive, 30)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    done = check(url, tmp_path)
    assert done.returncode == 1
    assert "no worker of" in done.stderr


def test_check_says_when_the_store_is_away(tmp_path: Path) -> None:
    done = check("redis://127.0.0.1:1/0", tmp_path)
    assert done.returncode == 1
    assert "store_unavailable" in done.stderr


def test_notifier_alone_stops_when_asked(url: str, tmp_path: Path) -> None:
    with running(url, tmp_path, "notify") as notifier:
        eventually(lambda: (tmp_path).exists() and is_running(notifier.pid), 10)
        eventually(lambda: b"notify" in Path(f"/proc/{notifier.pid}/cmdline").read_bytes(), 5)
        eventually(lambda: handles_sigterm(notifier.pid), 20)
        notifier.send_signal(signal.SIGTERM)
        assert notifier.wait(15) == 0


def handles_sigterm(pid: int) -> bool:
    """The process catches SIGTERM by now (its bit in the mask of caught signals)."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)

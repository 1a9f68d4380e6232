"""The embedded server: one owner, one server, no lost write, no orphan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from ocr_api.errors import StoreError, StoreInUseError, StoreUnavailableError
from ocr_api.store import EmbeddedServer, JobStore, StoreLimits, connect
from ocr_api.store.data_lock import FileLock
from ocr_api.store.server_binary import ServerBinary, ServerVersion, find_server_binary
from ocr_api.store.socket_place import find_socket_path
from tests.store.samples import make_job

pytestmark = pytest.mark.anyio

OWNER = """
import sys, anyio
from pathlib import Path
from ocr_api.store import EmbeddedServer
async def main():
    async with EmbeddedServer(Path(sys.argv[1])) as server:
        print(server.pid, flush=True)
        await anyio.sleep_forever()
anyio.run(main)
"""


@pytest.fixture(scope="module")
def binary() -> ServerBinary:
    return find_server_binary()


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def is_gone(pid: int, within_s: float = 5) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            await anyio.sleep(0.02)
            continue
        return True
    return False


async def test_server_listens_on_a_private_socket_only(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path / "data") as server, connect(server.url) as redis:
        config = await redis.config_get("port", "appendonly", "appendfsync", "maxmemory-policy")
        assert config == {
            "port": "0",
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
        }
        for name in ("", "valkey", "valkey/valkey.sock"):
            assert (tmp_path / "data" / name).stat().st_mode & 0o077 == 0


async def test_no_acknowledged_job_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    acknowledged: list[str] = []

    async def submit(store: JobStore, writer: int) -> None:
        with suppress(StoreUnavailableError):
            for number in range(10_000):
                job = await store.create(make_job(f"job-{writer}-{number}-{len(acknowledged)}"))
                acknowledged.append(job.id)

    async with EmbeddedServer(tmp_path) as server, connect(server.url) as redis:
        store = JobStore(redis, StoreLimits())
        for _ in range(3):
            async with anyio.create_task_group() as group:
                for writer in range(16):
                    group.start_soon(submit, store, writer)
                await anyio.sleep(0.25)
                kill(server.pid)
            await server.wait_stopped()
            assert server.pid is None
            await server.start()
        assert len(acknowledged) > 100
        found = await store.have_ended(acknowledged)
        assert set(found) == set(acknowledged)
        listed = await store.list_jobs(limit=len(found) + 100)
        assert set(acknowledged) <= {job.id for job in listed.jobs}


async def test_second_owner_is_refused_at_once(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path) as server:
        start = time.monotonic()
        second = EmbeddedServer(tmp_path)
        with pytest.raises(StoreInUseError, match=f"process {os.getpid()}"):
            await second.start()
        await second.aclose()
        assert not FileLock(tmp_path / "server.lock").try_acquire()
        assert time.monotonic() - start < 1
        async with connect(server.url) as redis:
            await JobStore(redis, StoreLimits()).ping()


async def test_directory_can_be_owned_again_after_close(tmp_path: Path) -> None:
    for _ in range(2):
        async with EmbeddedServer(tmp_path) as server:
            pid = server.pid
        assert pid is not None
        assert await is_gone(pid)


@pytest.mark.processes
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the server is watched, slower")
async def test_server_dies_with_its_killed_owner_and_its_data_lives_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    async with await anyio.open_process(command, stderr=None) as owner:
        assert owner.stdout is not None
        server_pid = int(await owner.stdout.receive())
        async with connect(f"unix://{find_socket_path(tmp_path / 'valkey')}") as redis:
            await JobStore(redis, StoreLimits()).create(make_job())
        owner.kill()
        await owner.wait()
    assert await is_gone(server_pid)
    async with EmbeddedServer(tmp_path) as server, connect(server.url) as redis:
        assert (await JobStore(redis, StoreLimits()).get("job-1")).id == "job-1"


async def test_live_server_without_owner_is_adopted_watched_and_replaced(
    tmp_path: Path, binary: ServerBinary
) -> None:
    (tmp_path / "valkey").mkdir(mode=0o700)
    lock = FileLock(tmp_path / "server.lock")
    assert lock.try_acquire()
    orphan = await anyio.open_process(
        [binary.path, "--port", "0", "--save", "", "--unixsocket", "valkey.sock"],
        cwd=tmp_path / "valkey",
        pass_fds=(lock.descriptor,),
        stdout=subprocess.DEVNULL,
    )
    lock.release()
    async with orphan, EmbeddedServer(tmp_path, orphan_timeout_s=0.3) as server:
        assert server.pid == orphan.pid
        with anyio.move_on_after(0.5) as still_runs:
            await server.wait_stopped()
        assert still_runs.cancelled_caught
        kill(orphan.pid)
        await orphan.wait()
        with anyio.fail_after(5):
            await server.wait_stopped()
        await server.start()
        assert server.pid not in {None, orphan.pid}


async def test_server_that_holds_the_directory_but_is_mute_is_told(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "server.lock")
    assert lock.try_acquire()
    server = EmbeddedServer(tmp_path, orphan_timeout_s=0.1)
    with pytest.raises(StoreInUseError, match="does not answer"):
        await server.start()
    await server.aclose()
    lock.release()


async def test_data_of_a_newer_server_is_refused(tmp_path: Path, binary: ServerBinary) -> None:
    newer = ServerBinary(binary.path, ServerVersion(binary.version.name, (99, 0, 0)))
    async with EmbeddedServer(tmp_path, newer):
        pass
    server = EmbeddedServer(tmp_path, binary)
    with pytest.raises(StoreError, match=r"99\.0\.0"):
        await server.start()
    await server.aclose()


async def test_program_that_ends_at_once_is_told(tmp_path: Path) -> None:
    broken = ServerBinary(Path("/bin/false"), ServerVersion("valkey", (9, 0, 0)))
    server = EmbeddedServer(tmp_path, broken)
    with pytest.raises(StoreUnavailableError, match=r"server\.log"):
        await server.start()
    await server.aclose()


async def test_long_data_directory_gets_a_short_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")  # noqa: S108 - short, unlike pytest's
    async with EmbeddedServer(tmp_path / ("x" * 120)) as server, connect(server.url) as redis:
        await JobStore(redis, StoreLimits()).ping()
        socket = Path(server.url.removeprefix("unix://"))
        assert len(str(socket)) < 100
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        await server.stop()
        await server.start()
        await JobStore(redis, StoreLimits()).ping()
    assert not await anyio.Path(socket.parent).exists()


@pytest.mark.parametrize("trap", ["open folder", "link"])
def test_trap_in_place_of_the_short_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")  # noqa: S108 - short, unlike pytest's
    folder = tmp_path / ("x" * 120)
    short = find_socket_path(folder).parent
    short.rmdir()
    try:
        if trap == "link":
            (tmp_path / "elsewhere").mkdir(mode=0o700)
            short.symlink_to(tmp_path / "elsewhere")
        else:
            short.mkdir()
            short.chmod(0o755)
        with pytest.raises(StoreError, match="private folder"):
            find_socket_path(folder)
    finally:
        short.unlink() if short.is_symlink() else short.rmdir()

"""The queue's own server: started, watched and stopped as a child on a unix socket."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
import anyio.abc
import anyio.to_thread
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ocr_api.errors import StoreInUseError, StoreUnavailableError
from ocr_api.store import launch_server
from ocr_api.store.commands import commands
from ocr_api.store.connection import connect
from ocr_api.store.data_lock import FileLock, acquire_owner
from ocr_api.store.server_binary import ServerBinary, find_server_binary, record_version
from ocr_api.store.socket_place import find_socket_path, remove_socket_place, socket_url

_START_TIMEOUT_S = 60.0
"""Reading a long append-only file back takes time."""

_ORPHAN_TIMEOUT_S = 5.0

_STOP_TIMEOUT_S = 10.0
_POLL_S = 0.005
_WATCH_S = 0.25


class EmbeddedServer:
    """One server on one data directory; this process becomes the directory's owner.

    `start` may be called again after the server died. Call it in the main thread: on Linux the
    server dies with the thread that started it, however that ends. Every write that the server
    acknowledges is on the disk (`appendfsync always`).

    Args:
        data_dir: Of the service; the server's files go to `valkey` below it.
        binary: The program; None = looked for.
        orphan_timeout_s: How long the server of a killed owner may take to die before it is
            adopted.
    """

    def __init__(
        self,
        data_dir: Path,
        binary: ServerBinary | None = None,
        *,
        orphan_timeout_s: float = _ORPHAN_TIMEOUT_S,
    ) -> None:
        self._data_dir = data_dir
        self._folder = data_dir / "valkey"
        self._binary = binary
        self._orphan_timeout_s = orphan_timeout_s
        self._server_lock = FileLock(data_dir / "server.lock")
        self._owner_lock: FileLock | None = None
        self._process: anyio.abc.Process | None = None
        self._adopted_pid: int | None = None
        self._socket: Path | None = None

    @property
    def url(self) -> str:
        """Its address, as `connect` takes it; known once `start` was called."""
        if self._socket is None:
            raise RuntimeError("the server was not started yet")
        return socket_url(self._socket)

    @property
    def pid(self) -> int | None:
        """The server's process; None while there is none."""
        if self._process is not None:
            return self._process.pid
        return self._adopted_pid

    async def __aenter__(self) -> Self:
        """Starts the server."""
        try:
            await self.start()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops the server and gives the directory up."""
        await self.aclose()

    async def start(self) -> None:
        """Returns when the server answers.

        Raises:
            StoreInUseError: Another process owns the data directory.
            StoreUnavailableError: There is no server program, or it does not start.
            StoreError: A newer server wrote the data.
        """
        await anyio.to_thread.run_sync(self._prepare)
        if not await self._lock_server():
            self._adopted_pid = await self._adopt()
            return
        try:
            self._process = await self._spawn()
        finally:
            self._server_lock.release()
        try:
            await self._wait_ready(self._process)
        except BaseException:
            await self.stop()
            raise

    async def wait_stopped(self) -> None:
        """Returns when the server has ended, for whatever reason."""
        process = self._process
        if process is not None:
            await process.wait()
            self._process = None if self._process is process else self._process
        while self._adopted_pid is not None:
            if self._server_lock.try_acquire():
                self._server_lock.release()
                self._adopted_pid = None
                return
            await anyio.sleep(_WATCH_S)

    async def stop(self) -> None:
        """Ends the server, in order if it can; the directory stays this process's."""
        pid = self.pid
        if pid is None:
            return
        with anyio.CancelScope(shield=True):
            for sign in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.kill(pid, sign)
                with anyio.move_on_after(_STOP_TIMEOUT_S):
                    await self.wait_stopped()
                    break

    async def aclose(self) -> None:
        """Stops the server and gives the directory up."""
        await self.stop()
        if self._owner_lock is not None:
            if self._socket is not None:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(remove_socket_place, self._socket)
            self._owner_lock.release()
            self._owner_lock = None

    def _prepare(self) -> None:
        """Takes the directory and looks the program up; blocking."""
        if self._owner_lock is None:
            self._owner_lock = acquire_owner(self._data_dir)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._folder.chmod(0o700)
        self._binary = self._binary or find_server_binary()
        self._socket = find_socket_path(self._folder)

    async def _lock_server(self) -> bool:
        """Waits for a server of a killed owner to die; False = it lives on."""
        with anyio.move_on_after(self._orphan_timeout_s):
            while not self._server_lock.try_acquire():  # noqa: ASYNC110 - another process's lock
                await anyio.sleep(_POLL_S)
        return self._server_lock.is_held

    async def _adopt(self) -> int:
        """Gives the process of a live server that has lost its owner."""
        client = connect(self.url)
        try:
            facts = await commands(client).info("server")
            return int(str(facts["process_id"]))
        except (RedisError, OSError) as exc:
            msg = (
                f"A job queue server still holds {self._folder} but does not answer. "
                "End that process, then start again."
            )
            raise StoreInUseError(
                msg,
                folder=str(self._folder),
            ) from exc
        finally:
            await client.aclose()

    async def _spawn(self) -> anyio.abc.Process:
        binary = self._binary or find_server_binary()
        await anyio.to_thread.run_sync(record_version, self._folder, binary.version)
        launcher = [sys.executable, "-S", "-E", launch_server.__file__, str(os.getpid())]
        return await anyio.open_process(
            [*launcher, str(binary.path), *self._arguments()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None,
            env={},
            start_new_session=True,
            pass_fds=(self._server_lock.descriptor,),
        )

    def _arguments(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder.absolute()),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "warning",
            "logfile": "server.log",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    async def _wait_ready(self, process: anyio.abc.Process) -> None:
        client = connect(self.url)
        try:
            with anyio.fail_after(_START_TIMEOUT_S):
                while not await _answers(client):
                    self._check_lives(process)
                    await anyio.sleep(_POLL_S)
        except TimeoutError as exc:
            raise self._not_started() from exc
        finally:
            await client.aclose()

    def _check_lives(self, process: anyio.abc.Process) -> None:
        if process.returncode is not None:
            raise self._not_started()

    def _not_started(self) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"The job queue's server did not start; {self._folder / 'server.log'} tells why.",
            folder=str(self._folder),
        )


async def _answers(client: Redis) -> bool:
    """Tells whether a server is there and has read its data back."""
    try:
        await commands(client).ping()
    except (RedisError, OSError):
        return False
    return True

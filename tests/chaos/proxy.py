"""A store that can be cut off: a TCP proxy on loopback before the store's socket."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import SocketStream

from tests.chaos.plan import Outage

_BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)


class Proxy:
    """Passes bytes on, or does not.

    Args:
        target: The store's unix socket.
        port: Of loopback, where it listens.
    """

    def __init__(self, target: Path, port: int) -> None:
        self._target = target
        self.port = port
        self._connections = set[anyio.CancelScope]()
        self._open = anyio.Event()
        self._open.set()
        self._is_refusing = False
        self._is_mute = False

    async def suffer(self, outage: Outage) -> None:
        """Has the store away for as long as the outage says."""
        try:
            self._begin(outage)
            await anyio.sleep(outage.seconds)
        finally:
            self._is_refusing = self._is_mute = False
            if outage.kind == "mute":
                self._cut()
            self._open.set()

    def _begin(self, outage: Outage) -> None:
        match outage.kind:
            case "refuse":
                self._is_refusing = True
                self._cut()
            case "stall":
                self._open = anyio.Event()
            case "mute":
                self._is_mute = True

    def _cut(self) -> None:
        for scope in self._connections:
            scope.cancel()

    async def serve(self, client: SocketStream) -> None:
        """Serves one connection until it breaks or is cut."""
        with anyio.CancelScope() as scope, contextlib.suppress(*_BROKEN):
            self._connections.add(scope)
            try:
                async with client:
                    if not self._is_refusing:
                        await self._join(client)
            finally:
                self._connections.discard(scope)

    async def _join(self, client: SocketStream) -> None:
        async with (
            await anyio.connect_unix(str(self._target)) as server,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(self._pass_on, client, server, False, tasks.cancel_scope)  # noqa: FBT003
            tasks.start_soon(self._pass_on, server, client, True, tasks.cancel_scope)  # noqa: FBT003

    async def _pass_on(
        self,
        source: anyio.abc.ByteStream,
        target: anyio.abc.ByteStream,
        is_answer: bool,  # noqa: FBT001 - `start_soon` takes no names
        scope: anyio.CancelScope,
    ) -> None:
        with contextlib.suppress(*_BROKEN):
            async for part in source:
                await self._open.wait()
                if not (is_answer and self._is_mute):
                    await target.send(part)
        scope.cancel()


@asynccontextmanager
async def proxied(target: Path, port: int) -> AsyncIterator[Proxy]:
    """Runs a proxy for the time of the context."""
    proxy = Proxy(target, port)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, proxy.serve)
        yield proxy
        tasks.cancel_scope.cancel()

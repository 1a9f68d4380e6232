"""Listens and serves: uvicorn, started from code, stopped by signal or by cancellation."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from types import FrameType

import anyio
import uvicorn
from starlette.types import ASGIApp

from ocr_api.api.http_protocol import HEAD_S, guarded_protocol
from ocr_api.errors import SettingsError

OnReady = Callable[[str, int], None]
"""Is told the host and the port that are listened on."""

_FAREWELL_S = 3
"""How long running answers may take once the service is told to stop; held ones are let go."""


@contextmanager
def listening_socket(
    host: str, port: int, inherited: int | None = None
) -> Generator[socket.socket]:
    """Gives a bound socket; port 0 takes a free one, an inherited descriptor is taken over.

    Raises:
        SettingsError: The address is taken or is not of this machine.
    """
    if inherited is not None:
        with socket.socket(fileno=inherited) as sock:
            _send_at_once(sock)
            yield sock
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, UnicodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "no valid host name"
        msg = f"Cannot listen on {host} port {port}: {reason}. Set API_HOST and API_PORT."
        raise SettingsError(msg) from exc
    with sock:
        _send_at_once(sock)
        yield sock


def _send_at_once(sock: socket.socket) -> None:
    """Has connections, which take this over, send small pieces without waiting for a receipt.

    An answer is a head and a body: with the wait, a kept connection has its body 40 ms late.
    asyncio itself does this only for sockets made with an explicit protocol number.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def serve(
    app: ASGIApp,
    sock: socket.socket,
    on_ready: OnReady,
    on_stopping: Callable[[], None],
    head_s: float = HEAD_S,
) -> None:
    """Serves until cancelled or told to stop by a signal; running answers may end first.

    Args:
        app: What answers.
        sock: Bound; from `listening_socket`.
        on_ready: Called once with the host and port that are listened on.
        on_stopping: Called once before running answers are waited for.
        head_s: How long a caller may take over the head of a request.
    """
    config = uvicorn.Config(
        app,
        http=guarded_protocol(head_s),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_FAREWELL_S,
    )
    host, port = sock.getsockname()[:2]
    server = _Server(config, partial(on_ready, host, port), on_stopping)
    async with anyio.create_task_group() as group:
        group.start_soon(_serve_to_the_end, server, sock, group.cancel_scope)
        try:
            await anyio.sleep_forever()
        finally:
            server.should_exit = True


class _Server(uvicorn.Server):
    """Tells when it has started, and when it begins to stop."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_started: Callable[[], None],
        on_stopping: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_stopping = on_stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's
        """Ends in good order at the first signal, at once at the second.

        Unlike uvicorn's own, it does not raise the signal again afterwards: connections would
        not be closed, and a process that was told to stop would look as if it had crashed.
        """
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts listening, then tells."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tells, then ends what is running."""
        self._on_stopping()
        await super().shutdown(sockets=sockets)


async def _serve_to_the_end(
    server: uvicorn.Server, sock: socket.socket, scope: anyio.CancelScope
) -> None:
    """Runs the server beyond the cancellation of its group, so that it can end in good order."""
    with anyio.CancelScope(shield=True):
        await server.serve(sockets=[sock])
    scope.cancel()

"""HTTP/1.1 on one connection: uvicorn's, with a deadline for heads and answers that fit ours."""

from __future__ import annotations

import asyncio

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from ocr_api.api.problems import problem_response
from ocr_api.errors import MalformedRequestError
from ocr_api.jobs import Problem
from ocr_api.wire import problem_view

HEAD_S = 20.0
"""How long a caller may take over the head of a request, its first byte included, by default."""


class FramingCheck:
    """ASGI middleware: refuses a body whose length is told in two ways (RFC 9112, 6.3).

    A proxy in front that goes by the other one would take the body for the next request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it and has its connection closed."""
        if scope["type"] == "http":
            names = {name for name, _ in scope["headers"]}
            if {b"content-length", b"transfer-encoding"} <= names:
                error = MalformedRequestError("Send Content-Length or Transfer-Encoding, not both.")
                answer = problem_response(error)
                answer.headers["Connection"] = "close"
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


class GuardedProtocol(H11Protocol):
    """Closes connections on which no request comes about, so that none is held for nothing.

    uvicorn bounds the time between requests alone: a caller that sends a byte of a header now and
    then would hold its connection for ever.
    """

    head_s = HEAD_S
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Starts the time for the first head."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self.head_s, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends with the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes bytes in; what begins a head starts its time, what completes it ends that."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_timer()
        elif self._head_timer is None and self.conn.trailing_data[0]:
            self._head_timer = self.loop.call_later(self.head_s, self._give_up)

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP with problem details, where an answer can still be given."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()
            return
        problem = Problem.of(MalformedRequestError(msg))
        body = problem_view(problem, status=400).model_dump_json(exclude_none=True).encode()
        headers = [
            ("content-type", "application/problem+json"),
            ("content-length", str(len(body))),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("connection", "close"),
        ]
        answer = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Says nothing: HTTP/1.1 is what is spoken here, and a caller may ask for more."""

    def _give_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def guarded_protocol(head_s: float) -> type[GuardedProtocol]:
    """Gives the protocol with a time for heads, in seconds (uvicorn makes the instances)."""
    return type("GuardedProtocol", (GuardedProtocol,), {"head_s": head_s})

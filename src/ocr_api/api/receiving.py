"""Takes a request's body in, piece by piece, within bounds of size and time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import anyio
from fastapi import Request
from starlette.requests import ClientDisconnect

from ocr_api.errors import MalformedRequestError, OcrApiError, UploadTooLargeError

LONGEST_BODY_S = 3000.0
"""Less than the hour for which the sweeper leaves an upload in progress alone."""
_DRAIN_BYTES = 8 * 1024 * 1024
_DRAIN_S = 2.0


class BodyPieces:
    """The pieces of one request's body; nothing is kept.

    Args:
        request: Its body must not have been read.
        max_bytes: Most bytes of the whole body.
        limit_bytes: What the caller is told: the limit of the file within.
        idle_s: Longest pause between two pieces.
    """

    def __init__(
        self, request: Request, *, max_bytes: int, limit_bytes: int, idle_s: float
    ) -> None:
        self._receive = request.receive
        self._expects_leave = request.headers.get("expect", "").lower() == "100-continue"
        self._max_bytes = max_bytes
        self._limit_bytes = limit_bytes
        self._idle_s = idle_s
        self._stop_at = anyio.current_time() + LONGEST_BODY_S
        self._taken = 0
        self._has_begun = False
        self._has_ended = False

    @classmethod
    def within(cls, request: Request, max_bytes: int, idle_s: float) -> BodyPieces:
        """Gives the body of a request that has one limit, which is what the caller is told."""
        return cls(request, max_bytes=max_bytes, limit_bytes=max_bytes, idle_s=idle_s)

    async def take(self) -> bytes | None:
        """Gives the next piece, never empty; None at the end.

        Raises:
            UploadTooLargeError: More came than allowed.
            MalformedRequestError: Nothing came for too long, or the whole took too long.
            ClientDisconnect: The caller went away.
        """
        while not self._has_ended:
            piece = await self._next()
            self._taken += len(piece)
            if self._taken > self._max_bytes:
                raise too_large(self._limit_bytes)
            if piece:
                return piece
        return None

    async def drain(self) -> None:
        """Takes in, for a moment, what a refused caller still sends.

        A caller that is cut off while it sends often never sees the answer. One that waits for
        leave to send (`Expect: 100-continue`) is not asked for its body.
        """
        if self._expects_leave and not self._has_begun:
            return
        stop_at = self._taken + _DRAIN_BYTES
        with anyio.move_on_after(_DRAIN_S):
            while not self._has_ended and self._taken < stop_at:
                self._taken += len(await self._next())

    async def _next(self) -> bytes:
        self._has_begun = True
        left_s = self._stop_at - anyio.current_time()
        try:
            with anyio.fail_after(min(self._idle_s, left_s)):
                message = await self._receive()
        except TimeoutError as exc:
            msg = f"Nothing came for {self._idle_s:g} seconds; the upload was given up."
            if left_s < self._idle_s:
                msg = f"The upload took more than {LONGEST_BODY_S:g} seconds and was given up."
            raise MalformedRequestError(msg) from exc
        if message["type"] == "http.disconnect":
            self._has_ended = True
            raise ClientDisconnect
        self._has_ended = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece


def too_large(limit_bytes: int) -> UploadTooLargeError:
    """Gives the refusal of a file above a limit."""
    return UploadTooLargeError(
        f"The upload has more than the {limit_bytes} bytes that are allowed.", limit=limit_bytes
    )


@asynccontextmanager
async def refusals_drained(pieces: BodyPieces) -> AsyncGenerator[None]:
    """Takes in the rest of the body before an error inside the block is answered."""
    try:
        yield
    except OcrApiError:
        with suppress(ClientDisconnect, MalformedRequestError):
            await pieces.drain()
        raise

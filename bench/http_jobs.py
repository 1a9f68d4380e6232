"""Jobs over HTTP from submission to the result in hand, by a client that costs next to nothing.

All services compared speak alike: `POST /ocr` with a form, `GET /ocr/{id}` for the result, which
`?wait=` holds until it is there.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

_LONGEST_HEAD = 65_536
_HOLD_S = 2
"""Short of what a client of Redis waits for an answer."""

POLL_S = 0.005
"""Pause between two looks of a caller that isn't held."""


class Connection:
    """One kept connection, one request at a time."""

    def __init__(self, stream: anyio.abc.SocketStream) -> None:
        self._stream = stream
        self._answers = BufferedByteReceiveStream(stream)

    async def ask(self, request: bytes) -> dict[str, Any]:
        """Sends a request and gives the JSON of its answer.

        Raises:
            RuntimeError: It was refused.
        """
        await self._stream.send(request)
        head = await self._answers.receive_until(b"\r\n\r\n", _LONGEST_HEAD)
        body = await self._answers.receive_exactly(_length(head))
        if head.split(b" ", 2)[1][:1] != b"2":
            raise RuntimeError(head, body)
        told: dict[str, Any] = json.loads(body)
        return told


@dataclass(frozen=True, slots=True)
class Target:
    """A service.

    Attributes:
        port: On the loopback.
        submission: The whole request that submits a page.
    """

    port: int
    submission: bytes

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Connects."""
        async with await anyio.connect_tcp("127.0.0.1", self.port) as stream:
            yield Connection(stream)


def submission(page: bytes, query: str = "") -> bytes:
    """Gives the whole request that submits a PNG as a form, as curl does."""
    body = (
        b"--edge\r\n"
        b'Content-Disposition: form-data; name="file"; filename="page.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + page + b"\r\n--edge--\r\n"
    )
    head = (
        f"POST /ocr{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: multipart/form-data; boundary=edge\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def held(connection: Connection, target: Target) -> None:
    """Has one page read, the answer being held until it is."""
    look = await _submit(connection, target, f"?wait={_HOLD_S}")
    while not await _is_done(connection, look):
        pass


async def polled(connection: Connection, target: Target) -> None:
    """Has one page read, looking every few milliseconds."""
    look = await _submit(connection, target, "")
    while not await _is_done(connection, look):  # noqa: ASYNC110 - polling is what is measured
        await anyio.sleep(POLL_S)


Way = Callable[[Connection, Target], Awaitable[None]]


async def one_at_a_time(target: Target, jobs: int, way: Way) -> list[float]:
    """Gives the time (ms) that each of so many jobs took."""
    took_ms: list[float] = []
    async with target.connection() as connection:
        for _ in range(jobs):
            started_at = time.perf_counter()
            await way(connection, target)
            took_ms.append((time.perf_counter() - started_at) * 1000)
    return took_ms


async def all_at_once(target: Target, jobs: int, callers: int, way: Way) -> float:
    """Gives how many jobs a second so many callers had done, each one job after the other."""
    numbers = iter(range(jobs))
    started_at = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(callers):
            group.start_soon(_some, target, numbers, way)
    return jobs / (time.perf_counter() - started_at)


async def _some(target: Target, numbers: Iterator[int], way: Way) -> None:
    async with target.connection() as connection:
        for _ in numbers:
            await way(connection, target)


async def _submit(connection: Connection, target: Target, query: str) -> bytes:
    job = await connection.ask(target.submission)
    return f"GET /ocr/{job['job_id']}{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


async def _is_done(connection: Connection, look: bytes) -> bool:
    job = await connection.ask(look)
    if job["status"] == "failed":
        raise RuntimeError(job)
    return bool(job["status"] == "completed" and job["result"])


def _length(head: bytes) -> int:
    for field in head.split(b"\r\n"):
        name, _, value = field.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError(head)

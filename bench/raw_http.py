"""A client that costs next to nothing: one request written again and again on kept connections."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

_LONGEST_HEAD = 65_536
_ACCEPTED = b" 202 "


def submission(page: bytes) -> bytes:
    """Gives the whole request that submits a page."""
    head = (
        "POST /ocr?model=tesseract HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: image/png\r\nContent-Length: {len(page)}\r\n\r\n"
    )
    return head.encode() + page


async def send_all(
    ports: Sequence[int], request: bytes, count: int, connections: int
) -> list[float]:
    """Sends a request so many times over connections to ports in turn; gives each one's seconds.

    Raises:
        RuntimeError: An answer was not 202.
    """
    numbers = iter(range(count))
    took_s: list[float] = []
    async with anyio.create_task_group() as group:
        for number in range(connections):
            group.start_soon(_send_some, ports[number % len(ports)], request, numbers, took_s)
    return took_s


async def _send_some(
    port: int, request: bytes, numbers: Iterator[int], took_s: list[float]
) -> None:
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        answers = BufferedByteReceiveStream(stream)
        for _ in numbers:
            started_at = time.perf_counter()
            await stream.send(request)
            await _take_answer(answers)
            took_s.append(time.perf_counter() - started_at)


async def _take_answer(answers: BufferedByteReceiveStream) -> None:
    head = await answers.receive_until(b"\r\n\r\n", _LONGEST_HEAD)
    first, *fields = head.split(b"\r\n")
    for field in fields:
        name, _, value = field.partition(b":")
        if name.lower() == b"content-length":
            await answers.receive_exactly(int(value))
    if _ACCEPTED not in first:
        raise RuntimeError(head)

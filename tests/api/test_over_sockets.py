"""What only a real connection shows: streaming, callers that go away, limits met on the way."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace

import anyio
import anyio.to_thread
import httpx
import pytest

from ocr_api.api.api_keys import ApiKeys
from ocr_api.api.app import create_app
from ocr_api.api.listening import listening_socket, serve
from ocr_api.api.services import Services
from ocr_api.store import IdempotencyKey, connect, keys
from tests.api.conftest import LIMITS
from tests.api.pages import PNG

pytestmark = pytest.mark.anyio
Stored = Callable[[], list[str]]


@asynccontextmanager
async def serving(services: Services) -> AsyncIterator[int]:
    """Serves an application on loopback and gives its port."""
    app = await anyio.to_thread.run_sync(create_app, services)
    ports: list[int] = []
    ready = anyio.Event()

    def note(_host: str, port: int) -> None:
        ports.append(port)
        ready.set()

    with listening_socket("127.0.0.1", 0) as sock:
        async with anyio.create_task_group() as group:
            group.start_soon(serve, app, sock, note, services.held.let_go)
            with anyio.fail_after(10):
                await ready.wait()
            try:
                yield ports[0]
            finally:
                group.cancel_scope.cancel()


@pytest.fixture
async def port(services: Services) -> AsyncIterator[int]:
    async with serving(services) as found:
        yield found


def head(path: str, length: int, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not condition():
            await anyio.sleep(0.01)


async def test_form_goes_through_a_real_server(port: int, services: Services) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.post(
            "/ocr", files={"file": ("a.png", PNG)}, data={"model": "tesseract"}
        )
        assert answer.status_code == 202
        job = await services.store.get(answer.json()["job_id"])
        assert await services.blobs.get(job.upload_key) == PNG
        assert "server" not in answer.headers


async def test_caller_that_goes_away_midway_leaves_nothing(
    port: int, services: Services, stored_files: Stored
) -> None:
    form = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    for path, prefix, kind in (
        ("/ocr", b"", "Content-Type: image/png"),
        ("/ocr", form, "Content-Type: multipart/form-data; boundary=B"),
    ):
        stream = await anyio.connect_tcp("127.0.0.1", port)
        async with stream:
            await stream.send(head(path, 150_000, kind) + prefix + PNG)
            await anyio.sleep(0.1)
            await stream.send(bytes(50_000))
            await anyio.sleep(0.1)
    await anyio.sleep(0.2)
    await until(lambda: stored_files() == [])
    assert (await services.store.list_jobs(limit=5)).jobs == ()


async def test_key_stays_held_while_its_upload_comes_in(port: int, server_url: str) -> None:
    name = keys.IDEMPOTENCY + IdempotencyKey.of("order-7").digest
    async with connect(server_url) as redis:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(head("/ocr", 150_000, "Idempotency-Key: order-7") + PNG)
            await anyio.sleep(2)
            left_ms = await redis.pttl(name)
            assert 0 < left_ms <= 13_500
            with anyio.fail_after(10):
                while await redis.pttl(name) <= left_ms:
                    await anyio.sleep(0.05)
        with anyio.fail_after(5):  # the caller is gone: let go at once
            while await redis.exists(name):
                await anyio.sleep(0.05)


async def test_declared_size_above_the_limit_is_refused_before_it_is_sent(port: int) -> None:
    stream = await anyio.connect_tcp("127.0.0.1", port)
    async with stream:
        await stream.send(head("/ocr", 10**9, "Expect: 100-continue"))
        with anyio.fail_after(1):
            answer = await stream.receive()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"upload_too_large" in answer


async def test_caller_that_sends_too_much_still_hears_why(port: int, stored_files: Stored) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(60):
            yield PNG + bytes(60_000)

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.post("/ocr", content=endless())
        assert answer.status_code == 413
        assert answer.json()["limit"] == LIMITS.max_upload_bytes
        assert (await client.get("/livez")).status_code == 200
    assert stored_files() == []


async def test_caller_without_a_key_hears_it_though_it_sends_much(
    services: Services, stored_files: Stored
) -> None:
    guarded = replace(services, api_keys=ApiKeys.parse(["archive:0123456789abcdef"]))
    async with serving(guarded) as port, httpx.AsyncClient() as client:
        answer = await client.post(f"http://127.0.0.1:{port}/ocr", content=bytes(4_000_000))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert stored_files() == []


async def test_wrong_type_is_refused_after_the_first_bytes(port: int, stored_files: Stored) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.post("/ocr", content=b"<html>" + bytes(150_000))
        assert answer.status_code == 415
    assert stored_files() == []


async def test_waiter_that_hangs_up_is_let_go(port: int, services: Services) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        location = (await client.post("/ocr", content=PNG)).headers["location"]
    watches = services.announcements._watches
    stream = await anyio.connect_tcp("127.0.0.1", port)
    async with stream:
        await stream.send(f"GET {location}?wait=20 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await until(lambda: len(watches) == 1)
    await until(lambda: watches == {})


async def test_server_that_stops_answers_those_who_wait(services: Services) -> None:
    with anyio.fail_after(2):
        async with serving(services) as port:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                location = (await client.post("/ocr", content=PNG)).headers["location"]
            stream = await anyio.connect_tcp("127.0.0.1", port)
            request = f"GET {location}?wait=20 HTTP/1.1\r\nHost: localhost\r\n\r\n"
            await stream.send(request.encode())
            await until(lambda: len(services.announcements._watches) == 1)
        async with stream:
            assert (await stream.receive()).startswith(b"HTTP/1.1 200 ")


async def test_listener_hears_while_it_happens_and_is_let_go(port: int, services: Services) -> None:
    base = f"http://127.0.0.1:{port}"
    quick = replace(services, limits=replace(services.limits, heartbeat_s=0.1))
    async with httpx.AsyncClient(base_url=base) as client:
        answer = await client.post("/ocr?model=tesseract", content=PNG)
        job_id = answer.json()["job_id"]
    async with serving(quick) as other, httpx.AsyncClient(timeout=10) as client:
        url = f"http://127.0.0.1:{other}/ocr/{job_id}/events"
        async with client.stream("GET", url) as stream:
            lines = aiter(stream.aiter_lines())
            while await anext(lines) != "event: status":
                pass
            while await anext(lines) != ": still here":
                pass
            assert await services.store.claim("w1", ["tesseract"]) is not None
            while await anext(lines) != "id: 2":
                pass
            assert len(quick.announcements._watches) == 1
        await until(lambda: quick.announcements._watches == {})


async def test_listeners_are_let_go_when_the_service_stops(services: Services) -> None:
    heard: list[str] = []
    async with anyio.create_task_group() as group, httpx.AsyncClient(timeout=10) as client:
        async with serving(services) as port:
            base = f"http://127.0.0.1:{port}"
            job_id = (await client.post(f"{base}/ocr", content=PNG)).json()["job_id"]

            async def listen() -> None:
                heard.append((await client.get(f"{base}/ocr/{job_id}/events")).text)

            group.start_soon(listen)
            await until(lambda: services.announcements._watches != {})
        with anyio.fail_after(5):
            while not heard:
                await anyio.sleep(0.01)
    assert "event: status" in heard[0]


@pytest.mark.parametrize("is_inherited", [False, True])
async def test_accepted_connections_send_small_pieces_at_once(*, is_inherited: bool) -> None:
    with ExitStack() as opened:
        sock = opened.enter_context(listening_socket("127.0.0.1", 0))
        if is_inherited:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
            sock = opened.enter_context(listening_socket("", 0, os.dup(sock.fileno())))
        async with await anyio.connect_tcp("127.0.0.1", sock.getsockname()[1]):
            accepted = opened.enter_context(sock.accept()[0])
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

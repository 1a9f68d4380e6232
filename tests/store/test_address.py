"""A server is found at the address that the settings name."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from ocr_api.settings import load_settings
from ocr_api.store import JobStore, StoreLimits, connect
from ocr_api.store.server_binary import find_server_binary

pytestmark = pytest.mark.anyio

LOOPBACK = "::1"
START_S = 20.0


def free_ipv6_port() -> int:
    """A port of the IPv6 loopback that was free a moment ago; skips where there is none."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind((LOOPBACK, 0))
            return int(probe.getsockname()[1])
    except OSError as exc:
        pytest.skip(f"this machine has no IPv6 loopback: {exc}")


@pytest.fixture
def ipv6_port(tmp_path: Path) -> Iterator[int]:
    """The port of a server that listens on the IPv6 loopback alone."""
    port = free_ipv6_port()
    options = ["--port", str(port), "--bind", LOOPBACK, "--dir", str(tmp_path), "--save", ""]
    server = subprocess.Popen(
        [find_server_binary().path, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    yield port
    server.kill()
    server.wait()


async def until_it_listens(port: int) -> None:
    with anyio.fail_after(START_S):
        while True:
            try:
                async with await anyio.connect_tcp(LOOPBACK, port):
                    return
            except OSError:
                await anyio.sleep(0.02)


@pytest.mark.parametrize("host", ["::1", "[::1]"])
async def test_server_answers_at_an_ipv6_address(ipv6_port: int, host: str) -> None:
    await until_it_listens(ipv6_port)
    settings = load_settings(redis_host=host, redis_port=ipv6_port)

    async with connect(settings.redis_address) as redis:
        await JobStore(redis, StoreLimits()).ping()

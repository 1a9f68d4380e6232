"""The API as a process of its own: light, patient with an absent store, closed to the network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from ocr_api.api.app import check_exposure
from ocr_api.api.listening import listening_socket
from ocr_api.errors import SettingsError
from ocr_api.settings import Settings
from ocr_api.store import EmbeddedServer

HEAVY = ("PIL", "onnxruntime", "numpy", "cv2", "tesserocr", "pypdfium2", "pikepdf", "torch")

PROGRAM = """
import anyio, json, sys
from ocr_api.api.app import run_api
from ocr_api.settings import load_settings

def tell(host, port):
    print(json.dumps({"port": port, "modules": sorted(sys.modules)}), flush=True)

anyio.run(run_api, load_settings(), tell)
"""


@contextmanager
def api_process(url: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    environment = {
        **os.environ,
        "REDIS_URL": url,
        "DATA_DIR": str(tmp_path / "data"),
        "API_PORT": "0",
    }
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            told = json.loads(next(line for line in process.stdout if line.startswith("{")))
            loaded = {name.partition(".")[0] for name in told["modules"]}
            assert loaded.isdisjoint(HEAVY), loaded & set(HEAVY)
            with httpx.Client(base_url=f"http://127.0.0.1:{told['port']}") as client:
                yield process, client
        finally:
            process.kill()


@pytest.mark.processes
def test_api_starts_without_its_store_recovers_and_stays_light(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "store")
    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(server):
            url = server.url
        with api_process(url, tmp_path) as (process, client):
            answer = client.get("/ocr")
            assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
            assert "retry-after" in answer.headers
            with portal.wrap_async_context_manager(server):
                assert server.url == url
                wait_until_served(client)
                assert client.get("/ocr").json() == {"jobs": [], "next_cursor": None}
                assert pss_mib(process.pid) <= 120
                process.send_signal(signal.SIGTERM)
                assert process.wait(10) == 0


def wait_until_served(client: httpx.Client) -> None:
    stop_at = time.monotonic() + 10
    while client.get("/ocr").status_code != 200:
        assert time.monotonic() < stop_at
        time.sleep(0.05)


def pss_mib(pid: int) -> float:
    """Memory of a process, shared pages divided among those that share them."""
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    if not rollup.exists():
        pytest.skip("needs /proc/<pid>/smaps_rollup")
    line = next(x for x in rollup.read_text().splitlines() if x.startswith("Pss:"))
    found = int(line.split()[1]) / 1024
    print(f"API: {found:.0f} MiB PSS")  # noqa: T201 - shown with -s
    return found


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "example.org"])  # noqa: S104
def test_open_service_is_not_offered_to_a_network_by_accident(host: str) -> None:
    with pytest.raises(SettingsError, match="ALLOW_ANONYMOUS"):
        check_exposure(Settings(api_host=host))
    check_exposure(Settings(api_host=host, allow_anonymous=True))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_loopback_needs_no_leave(host: str) -> None:
    check_exposure(Settings(api_host=host))


def test_taken_port_is_told_clearly() -> None:
    with listening_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingsError, match=f"port {port}"),
            listening_socket("127.0.0.1", port),
        ):
            pass


def test_socket_that_another_process_opened_is_taken_over() -> None:
    with listening_socket("127.0.0.1", 0) as opened:
        address = opened.getsockname()
        with listening_socket("ignored", 1, os.dup(opened.fileno())) as taken:
            assert taken.getsockname() == address

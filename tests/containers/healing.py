"""Has Podman run the health checks of containers where nothing else does.

Docker runs them itself. Podman leaves that to timers of systemd; without it they are never run, and
what waits for a healthy service waits for ever. Its API can be asked to run one, though.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

_PAUSE_S = 3.0
_SLOWEST_S = 60.0


@contextmanager
def health_checks_run(docker_host: str, project: str) -> Generator[None]:
    """Runs the checks of a project's containers again and again, if the engine does not."""
    if not _needs_help():
        yield
        return
    stop = threading.Event()
    asking = threading.Thread(target=_ask, args=(docker_host, project, stop), daemon=True)
    asking.start()
    try:
        yield
    finally:
        stop.set()
        asking.join(_SLOWEST_S)


def _needs_help() -> bool:
    told = subprocess.run(
        ["docker", "version", "--format", "{{json .Server.Components}}"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    names = [component["Name"] for component in json.loads(told.stdout)]
    return "Podman Engine" in names and not Path("/run/systemd/private").exists()


def _ask(docker_host: str, project: str, stop: threading.Event) -> None:
    transport = httpx.HTTPTransport(uds=docker_host.removeprefix("unix://"))
    due_at: dict[str, float] = {}
    with httpx.Client(transport=transport, base_url="http://engine", timeout=_SLOWEST_S) as engine:
        while not stop.wait(_PAUSE_S):
            for name in _running(engine, project):
                if time.monotonic() < due_at.get(name, 0):
                    continue
                with suppress(httpx.HTTPError, ValueError):
                    engine.get(f"/v4.0.0/libpod/containers/{name}/healthcheck")
                    due_at[name] = time.monotonic() + _pause_s(engine, name)


def _pause_s(engine: httpx.Client, name: str) -> float:
    """How long a container's next check is away; a container that starts is asked often."""
    told = engine.get(f"/containers/{name}/json").json()
    if told["State"]["Health"]["Status"] == "starting":
        return _PAUSE_S
    return float(told["Config"]["Healthcheck"]["Interval"] / 1e9)


def _running(engine: httpx.Client, project: str) -> list[str]:
    wanted = json.dumps({"label": [f"com.docker.compose.project={project}"]})
    try:
        found = engine.get("/containers/json", params={"filters": wanted}).json()
    except (httpx.HTTPError, ValueError):
        return []
    return [container["Id"] for container in found]

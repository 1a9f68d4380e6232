"""Runs the container tests only where they were asked for, and tells sizes and times."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.healing import health_checks_run
from tests.containers.stack import PROJECT, Stack
from tests.service import free_port

ASKED_FOR = "REQUIRE_CONTAINERS"
IMAGES = ("ocr-base:latest", "ocr-api:latest")
TOLD = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what needs a container engine, unless `make test-containers` asked for it."""
    needing = [item for item in items if item.get_closest_marker("containers") is not None]
    if not needing:
        return
    if not os.environ.get(ASKED_FOR):
        reason = "needs a container engine and many minutes: make test-containers"
        for item in needing:
            item.add_marker(pytest.mark.skip(reason=reason))
        return
    hindrance = _hindrance()
    if hindrance:
        pytest.exit(f"These tests need a container engine: {hindrance}.", returncode=1)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Prints how large the images are and how long each step took."""
    for line in config.stash.get(TOLD, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Stack]:
    """The service's containers; all that they leave is removed afterwards."""
    found = Stack(_port(), tmp_path_factory.mktemp("containers"))
    had = {name for name in IMAGES if found.has_image(name)}
    _remove(found)
    try:
        with health_checks_run(os.environ["DOCKER_HOST"], PROJECT):
            yield found
        pytestconfig.stash[TOLD] = _told(found)
    finally:
        _remove(found)
        for name in set(IMAGES) - had:
            found.run(f"docker rmi {name} || true")


def _remove(stack: Stack) -> None:
    stack.run("docker-compose down --volumes --remove-orphans")


def _told(stack: Stack) -> list[str]:
    sizes = [f"{stack.image_mib(name):8.0f} MiB  {name}" for name in IMAGES]
    return [*sizes, *(f"{took_s:8.1f} s    {line}" for line, took_s in stack.took_s.items())]


def _port() -> int:
    """The port of the documents where it is free."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 8000))
        except OSError:
            return free_port()
    return 8000


def _hindrance() -> str:
    for program in ("docker", "docker-compose", "curl"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if "DOCKER_HOST" not in os.environ:
        return "DOCKER_HOST is not set, as in unix:///var/run/docker.sock"
    asked = subprocess.run(
        ["docker", "version"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return "" if asked.returncode == 0 else asked.stderr.strip()

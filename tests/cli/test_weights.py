"""`ocr-api models pull`, `bundle` and `unbundle`, and what `models` and `doctor` say of weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import FakeHub, model_files, running_hub
from tests.service import eventually, scripted_catalog

pytestmark = pytest.mark.processes
REPO = "maker/tiny"
SIZE = 6_000_000


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with running_hub() as running:
        running.add(REPO, model_files(SIZE))
        yield running


class Machine:
    """A machine with folders and a catalog of its own."""

    def __init__(self, root: Path, hub: FakeHub) -> None:
        root.mkdir()
        self.models = root / "models"
        catalog = scripted_catalog(root / "catalog.toml")
        with catalog.open("a") as file:
            file.write(f'weights = {{ repo = "{REPO}" }}\n')
        self.environment = {
            **os.environ,
            "CATALOG_FILE": str(catalog),
            "DATA_DIR": str(root / "data"),
            "MODELS_DIR": str(self.models),
            "HF_HOME": str(root / "hf"),
            "HF_ENDPOINT": hub.url,
            "HF_HUB_OFFLINE": "0",
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "ocr_api.cli.main", *arguments]

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            timeout=100,
            text=True,
            env={**self.environment, **more},
            check=False,
        )


def test_pull_bundle_and_unbundle(hub: FakeHub, tmp_path: Path) -> None:
    here, there = Machine(tmp_path / "here", hub), Machine(tmp_path / "there", hub)
    bundle = str(tmp_path / "slow.tar")
    assert "models pull slow" in here.run("models", "bundle", "slow", "-o", bundle).stderr
    pulled = here.run("models", "pull", "slow")
    assert pulled.returncode == 0, pulled.stderr
    assert hub.repos[REPO].main in pulled.stdout
    assert here.run("models", "bundle", "slow", "-o", bundle).returncode == 0
    told = there.run("models", "unbundle", bundle)
    assert told.returncode == 0, told.stderr
    assert str(there.models / "slow") in told.stdout
    findings = json.loads(there.run("doctor", "--json", HF_HUB_OFFLINE="1").stdout)
    (weights,) = [found for found in findings if found["topic"] == "weights of slow"]
    assert weights == {
        "topic": "weights of slow",
        "grade": "ok",
        "detail": f"in {there.models / 'slow'}",
    }


def test_interrupted_pull_goes_on_where_it_was(hub: FakeHub, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "here", hub)
    hub.pace_s = 0.03
    first = subprocess.Popen(
        machine.command("models", "pull", "slow"),
        env=machine.environment,
        start_new_session=True,
        # a shell that started the tests in the background had SIGINT ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    eventually(lambda: hub.sent.get("model.safetensors", 0) > 3_000_000, 60)
    hub.pace_s = 1.0  # so that it is not over when the signal comes
    time.sleep(0.3)
    os.killpg(first.pid, signal.SIGINT)  # as Ctrl-C does
    assert first.wait(30) == 130
    hub.pace_s = 0.0
    assert machine.run("models", "pull", "slow").returncode == 0
    _, second = hub.content_requests("model.safetensors")
    assert int((second or "")[6:-1]) > 500_000


def test_absent_weights_are_told_and_offline_asks_nobody(hub: FakeHub, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "here", hub)
    listed = machine.run("models", "list", COLUMNS="200").stdout
    (line,) = [line for line in listed.splitlines() if line.startswith("slow")]
    assert "not here" in line
    refused = machine.run("models", "pull", "slow", HF_HUB_OFFLINE="1")
    assert refused.returncode == 1
    assert "HF_HUB_OFFLINE=1 forbids" in refused.stderr
    unread = machine.run("read", "--model", "slow", "nothing.png")
    assert "ocr-api models pull slow" in unread.stderr
    assert hub.requests == []


def test_model_without_weights_of_its_own_is_told(hub: FakeHub, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "here", hub)
    assert "comes with its packages" in machine.run("models", "pull", "tesseract").stderr
    assert machine.run("models", "pull", "nonesuch").returncode == 2

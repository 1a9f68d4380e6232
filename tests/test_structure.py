"""The package is what its map says, and light processes are light."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ocr_api
from tests.service import Service, running, small_png

ROOT = Path(ocr_api.__file__).parent
HEAVY = (
    *("onnxruntime", "cv2", "tesserocr", "PIL", "pypdfium2", "pikepdf", "numpy"),
    *("torch", "transformers", "huggingface_hub", "hf_xet", "bitsandbytes", "accelerate", "peft"),
    *("safetensors", "tokenizers"),
)


def test_map_names_every_part_and_no_other() -> None:
    told = re.findall(r"^    ([a-z]+) {2,}\S", ocr_api.__doc__ or "", re.MULTILINE)
    parts = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert set(told) == parts - {"__init__", "__pycache__"}


def test_every_module_opens_with_its_purpose() -> None:
    for path in ROOT.rglob("*.py"):
        assert path.read_text().startswith('"""'), path


def test_no_module_is_longer_than_400_lines() -> None:
    for path in ROOT.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    # Every light process tells on stderr what it imports; children get no such variable.
    environment = {"PYTHONPROFILEIMPORTTIME": "1"}
    with running(tmp_path_factory.mktemp("light") / "data", environment) as started:
        started.ended(started.submit(small_png(), model="scripted"))
        yield started


@pytest.mark.processes
@pytest.mark.parametrize("role", ["api", "worker", "notifier"])
def test_light_process_has_loaded_no_heavy_library(service: Service, role: str) -> None:
    (pid,) = service.pids(role)
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert "redis" not in HEAVY
    loaded = [name for name in HEAVY if f"/site-packages/{name}" in maps]
    assert loaded == []
    assert "pydantic_core" in maps  # the way of looking works


@pytest.mark.processes
def test_no_light_process_has_imported_a_heavy_library(service: Service) -> None:
    imported = re.findall(r"^import time: .*\| +([\w.]+)$", service.log.read_text(), re.MULTILINE)
    assert {name.partition(".")[0] for name in imported}.isdisjoint(HEAVY)
    for part in ("api.app", "worker.page_reader", "webhooks.main"):
        assert f"ocr_api.{part}" in imported  # each of them has told


@pytest.mark.processes
def test_children_are_started_by_the_worker_only(service: Service) -> None:
    assert len(service.pids("worker")) == 1
    assert service.pids("document child")
    assert service.pids("model child")

"""`make verify-weights` with a small checkpoint: loaded, read and recorded as real weights are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import anyio
import pytest

from eval.verify.pages import Manifest, Page, read_manifest
from eval.verify.report import lines_of
from eval.verify.run import Bound, Trial, try_model
from ocr_api.catalog import load_catalog
from ocr_api.cli.weights import standings
from ocr_api.errors import ModelUnavailableError
from ocr_api.settings import Settings, load_settings
from ocr_api.weights.verified import VERIFIED
from tests.checkpoints.reading import FOLDER

pytestmark = pytest.mark.processes
EXACT = Bound(0.0, each=True)
MANIFEST = read_manifest(FOLDER)


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER / "got", tmp_path / "models" / "got")
    return tmp_path / "models"


@pytest.fixture
def settings(models_dir: Path) -> Settings:
    return load_settings(models_dir=models_dir, cpu_models=True, worker_processes=1)


def is_verified(settings: Settings) -> bool:
    return standings(settings, load_catalog())["got"].is_verified


def tried(settings: Settings, model: str, manifest: Manifest) -> Trial:
    return anyio.run(try_model, settings, model, manifest, EXACT)


def only(*files: str, **wrong: str) -> Manifest:
    """The pages of these files, some with another text than they show."""
    pages = [page for page in MANIFEST.pages if Path(page.file).stem in files]
    told = [Page(page.file, wrong.get("text", page.text), page.script, ("got",)) for page in pages]
    return Manifest(MANIFEST.folder, tuple(told))


def test_model_that_reads_is_recorded(settings: Settings, models_dir: Path) -> None:
    assert not is_verified(settings)
    trial = tried(settings, "got", only("got-city", "got-queue"))
    told = json.loads((models_dir / VERIFIED).read_text())["models"]["got"]["4bit"]
    assert told["pages"] == {"pages/got-city.png": 0.0, "pages/got-queue.png": 0.0}
    assert (told["device"], told["median_cer"], told["bound"]) == ("cpu", 0.0, 0.0)
    assert told["memory_mib"] > 100
    assert told["versions"].keys() >= {"ocr-api", "torch", "transformers", "bitsandbytes"}
    assert is_verified(settings)
    assert_reported(trial)
    (models_dir / "got" / "config.json").touch()  # who knows what else was done to it
    assert not is_verified(settings)


def test_model_that_misreads_a_page_is_not_recorded(settings: Settings, models_dir: Path) -> None:
    trial = tried(settings, "got", only("got-city", text="Rome"))
    assert not trial.verdict.is_verified
    assert "NOT verified" in list(lines_of(trial))[-1]
    assert not (models_dir / VERIFIED).exists()
    assert not is_verified(settings)


def test_model_without_weights_is_told_how_to_get_them(settings: Settings) -> None:
    with pytest.raises(ModelUnavailableError, match="models pull deepseek-v1"):
        tried(settings, "deepseek-v1", MANIFEST)


def assert_reported(trial: Trial) -> None:
    lines = list(lines_of(trial))
    assert "on cpu, 4bit, " in lines[2]
    assert any("pages/got-city.png" in line and " yes " in line for line in lines)
    assert lines[-1].strip() == "verified: median error rate 0.000"

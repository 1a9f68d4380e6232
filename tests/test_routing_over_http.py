"""Pages of `auto` go to the models of the built-in table, played by the scripted engine."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.engines.pages import Pixels, eval_page, first_row, scaled, without_margins
from tests.fleet import Fleet, running_fleet
from tests.models.serving import metadata_of, put_into_models_dir
from tests.service import eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

GPU_MODELS = ("qari", "got", "deepseek")
_ENTRY = """
[models.{id}]
engine = "ocr_api.engines.scripted:ScriptedEngine"
device = "cpu"
packages = []
settings = {{ text = "read by {id}" }}
"""


def full_page() -> Pixels:
    """Four reduced pages of English print on one: about 2,900 letters."""
    return np.tile(scaled(without_margins(eval_page("01").pixels(), kept_px=40), 0.5), (2, 2))


def page_in_two_scripts() -> Pixels:
    """Chinese with one line of English."""
    chinese = without_margins(eval_page("03").pixels())
    english = without_margins(first_row(eval_page("01").pixels()))
    width = max(chinese.shape[1], english.shape[1])
    rows = (chinese, english, chinese)
    padded = [np.pad(row, ((9, 9), (0, width - row.shape[1])), constant_values=255) for row in rows]
    return np.vstack(padded)


PAGES: Mapping[str, Pixels] = {
    "arabic": eval_page("05").pixels(),
    "arabic and latin": eval_page("09").pixels(),
    "latin": eval_page("02").pixels(),
    "full": full_page(),
    "two scripts": page_in_two_scripts(),
}


def png(pixels: Pixels) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


def submit(fleet: Fleet, kind: str, **options: str) -> str:
    return fleet.submit(png(PAGES[kind]), model="auto", **options)


def ended(fleet: Fleet, job_id: str) -> dict[str, Any]:
    """Metadata of the page of a job that must end well."""
    job = fleet.ended(job_id, 120)
    assert job["status"] == "completed", job
    return metadata_of(job)


def routed(fleet: Fleet, kind: str, **options: str) -> tuple[str, str, dict[str, Any]]:
    """Model, reason and metadata of a page that was read."""
    metadata = ended(fleet, submit(fleet, kind, **options))
    return metadata["model"], metadata["route_reason"], metadata


def load_only(fleet: Fleet, *models: str) -> None:
    for model in GPU_MODELS:
        fleet.post(f"/models/{model}/{'load' if model in models else 'unload'}?wait=20")


def is_able(fleet: Fleet) -> bool:
    return all(fleet.get(f"/models/{model}")["is_available"] for model in GPU_MODELS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("routing")


@pytest.fixture(scope="module")
def poor(folder: Path) -> Iterator[Fleet]:
    """One worker, which has no weights."""
    put_into_models_dir(folder / "models", *GPU_MODELS)
    catalog = folder / "own.toml"
    catalog.write_text("".join(_ENTRY.format(id=model) for model in GPU_MODELS))
    shared = {
        "CATALOG_FILE": str(catalog),
        "ALLOW_DOWNLOADS": "false",
        "LEASE_SECONDS": "5",
        "HF_HOME": str(folder / "hf"),
        "LOG_FORMAT": "json",
    }
    with running_fleet(folder, shared) as fleet:
        fleet.start_worker("poor", MODELS_DIR=str(folder / "none"))
        yield fleet


@pytest.fixture(scope="module")
def able(poor: Fleet, folder: Path) -> subprocess.Popen[bytes]:
    """A second worker, which has the weights."""
    worker = poor.start_worker("able", MODELS_DIR=str(folder / "models"))
    eventually(lambda: is_able(poor), 30, lambda: poor.log("able"))
    return worker


@pytest.fixture(scope="module")
def fleet(poor: Fleet, able: subprocess.Popen[bytes]) -> Fleet:
    """Both workers."""
    assert able.poll() is None
    return poor


def test_cpu_engines_read_where_no_other_model_can_run_and_that_is_told(poor: Fleet) -> None:
    model, reason, metadata = routed(poor, "arabic")
    assert (model, metadata["scripts"]) == ("tesseract", ["arabic"])
    assert reason == "Arabic script only; qari is better for such pages but cannot run now"
    model, reason, metadata = routed(poor, "full")
    assert (model, metadata["scripts"], metadata["letters"] > 1500) == ("rapidocr", ["latin"], True)
    assert "got and deepseek are better for such pages" in reason


@pytest.mark.parametrize(
    ("kind", "model", "reason"),
    [
        ("arabic", "qari", "Arabic script only"),
        ("arabic and latin", "qari", "Arabic and Latin script on one page"),
        ("latin", "rapidocr", "Latin, Chinese or Japanese script, and not much of it"),
        ("full", "got", "a page full of print in Latin or Chinese script"),
        ("two scripts", "deepseek", "Latin and Chinese script on one page"),
    ],
)
def test_page_goes_to_the_model_made_for_it(
    fleet: Fleet, kind: str, model: str, reason: str
) -> None:
    load_only(fleet)

    expected = (model, reason)
    eventually(lambda: routed(fleet, kind)[:2] == expected, 20)  # once all workers know that


def test_of_equally_good_models_the_one_in_memory_reads(fleet: Fleet) -> None:
    load_only(fleet, "deepseek")
    eventually(lambda: routed(fleet, "full")[0] == "deepseek", 20)
    assert routed(fleet, "full")[1].endswith(
        "deepseek is loaded already, got, as good for such pages, is not"
    )
    assert routed(fleet, "arabic")[0] == "qari"  # memory outweighs nothing that is better
    load_only(fleet, "got")
    eventually(lambda: routed(fleet, "two scripts")[0] == "got", 20)
    assert routed(fleet, "full", language="fr")[0] == "deepseek"


def test_worker_hands_pages_on_to_one_that_has_their_model(fleet: Fleet) -> None:
    jobs = [submit(fleet, "arabic") for _ in range(4)]
    read = [ended(fleet, job) for job in jobs]
    assert {(one["model"], one["route_reason"]) for one in read} == {("qari", "Arabic script only")}
    lines = [json.loads(line) for line in fleet.log("poor").splitlines() if "page_routed" in line]
    assert [line for line in lines if (line["model"], line["kept"]) == ("qari", False)]


def test_worker_without_weights_fails_no_page_that_another_can_read(fleet: Fleet) -> None:
    jobs = [fleet.submit(png(PAGES["arabic"]), model="qari") for _ in range(3)]
    for job in jobs:
        metadata = ended(fleet, job)
        assert (metadata["model"], metadata["route_reason"]) == ("qari", None)


def test_pages_handed_to_a_worker_that_dies_are_read_by_another_model(
    fleet: Fleet, able: subprocess.Popen[bytes]
) -> None:
    load_only(fleet)
    jobs = [submit(fleet, "arabic") for _ in range(3)]
    able.kill()
    assert {ended(fleet, job)["model"] for job in jobs} <= {"qari", "tesseract"}
    eventually(lambda: not is_able(fleet), 20)
    model, reason, _ = routed(fleet, "arabic")
    assert (model, "cannot run now" in reason) == ("tesseract", True)

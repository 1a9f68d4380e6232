"""Pages of `auto` go to the models of the built-in table, played by the scripted engine."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.engines.pages import Pixels, eval_page, first_row, scaled, without_margins
from tests.models.serving import completed, log_lines, metadata_of, put_into_models_dir
from tests.service import Service, eventually, running

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


class Fleet:
    """A service whose own worker has no weights, and another worker that has them."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service = service
        self._folder = folder
        self._worker: subprocess.Popen[bytes] | None = None

    def start_able_worker(self) -> None:
        (pid,) = self.service.pids("worker")
        told = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")[:-1]
        environment = {key: value for key, _, value in (one.partition(b"=") for one in told)}
        environment[b"MODELS_DIR"] = os.fsencode(self._folder / "models")
        with (self._folder / "able.log").open("ab") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "ocr_api.cli.main", "worker", "--no-notifier"],
                env=environment,
                stdout=log,
                stderr=log,
            )
        eventually(self.is_able, 30, (self._folder / "able.log").read_text)

    def is_able(self) -> bool:
        return all(self.view(model)["is_available"] for model in GPU_MODELS)

    def view(self, model: str) -> dict[str, Any]:
        return dict(self.service.client.get(f"/models/{model}").json())

    def kill_able_worker(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait()

    def order(self, model: str, act: str) -> None:
        answer = self.service.client.post(f"/models/{model}/{act}?wait=20")
        assert answer.status_code == 200, answer.text

    def load_only(self, *models: str) -> None:
        for model in GPU_MODELS:
            self.order(model, "load" if model in models else "unload")

    def submit(self, kind: str, **options: str) -> str:
        return self.service.submit(png(PAGES[kind]), model="auto", **options)

    def routed(self, kind: str, **options: str) -> tuple[str, str, dict[str, Any]]:
        """Model, reason and metadata of a page that was read."""
        job = completed(self.service, self.submit(kind, **options))
        metadata = metadata_of(job)
        return metadata["model"], metadata["route_reason"], metadata


@contextmanager
def serving(folder: Path) -> Iterator[Fleet]:
    put_into_models_dir(folder / "models", *GPU_MODELS)
    catalog = folder / "own.toml"
    catalog.write_text("".join(_ENTRY.format(id=model) for model in GPU_MODELS))
    told = {
        "CATALOG_FILE": str(catalog),
        "ALLOW_DOWNLOADS": "false",
        "HF_HOME": str(folder / "hf"),
        "MODELS_DIR": str(folder / "none"),
        "LOG_FORMAT": "json",
    }
    with running(folder / "data", told, processes=1) as service:
        fleet = Fleet(service, folder)
        try:
            yield fleet
        finally:
            fleet.kill_able_worker()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with serving(tmp_path_factory.mktemp("routing")) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def fleet(alone: Fleet) -> Fleet:
    alone.start_able_worker()
    return alone


def test_cpu_engines_read_where_no_other_model_can_run_and_that_is_told(alone: Fleet) -> None:
    model, reason, metadata = alone.routed("arabic")
    assert (model, metadata["scripts"]) == ("tesseract", ["arabic"])
    assert reason == "Arabic script only; qari is better for such pages but cannot run now"
    model, reason, metadata = alone.routed("full")
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
    fleet.load_only()

    assert fleet.routed(kind)[:2] == (model, reason)


def test_of_equally_good_models_the_one_in_memory_reads(fleet: Fleet) -> None:
    fleet.load_only("deepseek")
    model, reason, _ = fleet.routed("full")
    assert model == "deepseek"
    assert reason.endswith("deepseek is loaded already, got, as good for such pages, is not")
    fleet.load_only("got")
    assert fleet.routed("full")[0] == "got"
    assert fleet.routed("two scripts")[0] == "got"
    assert fleet.routed("full", language="fr")[0] == "deepseek"
    assert fleet.routed("arabic")[0] == "qari"


def test_worker_hands_pages_on_to_one_that_has_their_model(fleet: Fleet) -> None:
    with ThreadPoolExecutor(4) as callers:
        read = list(callers.map(partial(fleet.routed), ["arabic"] * 4))
    assert {(model, reason) for model, reason, _ in read} == {("qari", "Arabic script only")}
    handed = [line for line in log_lines(fleet.service, "page_routed") if not line["kept"]]
    assert [line for line in handed if line["model"] == "qari"]


def test_pages_handed_to_a_worker_that_dies_are_read_by_another_model(fleet: Fleet) -> None:
    fleet.load_only()
    jobs = [fleet.submit("arabic") for _ in range(3)]
    fleet.kill_able_worker()
    for job in jobs:
        metadata = metadata_of(completed(fleet.service, job))
        assert metadata["model"] in {"qari", "tesseract"}
    model, reason, _ = fleet.routed("arabic")
    assert (model, "cannot run now" in reason) == ("tesseract", True)

"""Models of an operator's own catalog: hosted by their entry alone, or refused with the reason."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.checkpoints.random_models import RANDOM_MODELS
from tests.models.serving import (
    CHECKPOINTS,
    child_of,
    completed,
    loaded,
    log_lines,
    metadata_of,
    page_bytes,
    page_of,
    put_into_models_dir,
    read,
    serving,
    shown,
    texts_of,
)
from tests.service import Service, blank_png, eventually, small_png

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]
ENTRY = """
[models.{id}]
name = "{id}"
best_for = "tests"
engine = "ocr_api.engines.vision_language.image_text_to_text:ImageTextToTextEngine"
device = "cuda"
packages = ["torch", "transformers"]
quantization = "none"
prompt_modes = ["text", "table"]
batch_pages = 3
instances = 1
weights = {{ repo = "tests/{id}" }}

[models.{id}.settings]
max_new_tokens = 12
max_pixels = 40000
no_repeat_ngram = [3, 30]
answers = {{ table = "markdown" }}
prompts = {{ text = "OCR:", table = "Table Recognition:" }}
"""
NEEDY = """
[models.needy]
name = "Needy"
best_for = "tests"
engine = "ocr_api.engines.vision_language.got:GotEngine"
packages = ["torch", "no_such_package"]
"""


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("entries")
    models = put_into_models_dir(folder / "models", "got")
    for name, write in RANDOM_MODELS.items():
        write(models / name)
    return models


@pytest.fixture(scope="module")
def service(models_dir: Path) -> Iterator[Service]:
    folder = models_dir.parent
    catalog = folder / "own.toml"
    entries = "".join(ENTRY.format(id=model) for model in RANDOM_MODELS)
    catalog.write_text(entries + NEEDY)
    with serving(folder, CATALOG_FILE=str(catalog), MAX_ATTEMPTS="1") as started:
        yield started


def test_three_more_architectures_run_by_their_entry_alone(service: Service) -> None:
    def read_in_both_modes(model: str) -> None:
        page = page_of(read(service, model, "got-letter.png"))
        assert page["raw_text"]
        table = page_of(read(service, model, "got-letter.png", prompt_mode="table"))
        assert table["formatted_text"] == table["raw_text"].strip()

    with ThreadPoolExecutor(2) as callers:
        list(callers.map(read_in_both_modes, RANDOM_MODELS))
    for model in RANDOM_MODELS:
        view = loaded(service, model)
        assert (view["engine"], view["device"]) == ("image_text_to_text", "cpu")
        assert view["prompt_modes"] == ["text", "table"]


def test_model_without_weights_is_refused_with_the_reason(
    service: Service, models_dir: Path
) -> None:
    refused = service.client.post("/ocr?model=deepseek", content=small_png())
    assert (refused.status_code, refused.json()["code"]) == (409, "model_unavailable")
    for told in (str(models_dir / "deepseek"), "ALLOW_DOWNLOADS=false", "models pull deepseek"):
        assert told in refused.json()["detail"]
    assert shown(service, "deepseek")["message"] in refused.json()["detail"]


def test_default_without_weights_leaves_the_fallback_and_says_so(service: Service) -> None:
    models = service.client.get("/models").json()
    assert (models["default_model"], models["current_model"]) == ("qari", "auto")
    assert "qari" in models["warnings"][0]
    job = service.ended(service.submit(small_png(200, 100)))
    assert (job["model"], job["requested_model"]) == ("auto", "qari")
    assert any("qari" in warning for warning in job["warnings"])


@pytest.mark.parametrize(
    ("file", "damage"),
    [("model.safetensors", "cut"), ("config.json", "cut"), ("tokenizer.json", "gone")],
)
def test_damaged_weights_are_told_by_the_name_of_the_file(
    service: Service, models_dir: Path, file: str, damage: str
) -> None:
    folder = models_dir / "qari"
    shutil.copytree(CHECKPOINTS / "qari", folder)
    try:
        if damage == "gone":
            (folder / file).unlink()
        else:
            whole = (folder / file).read_bytes()
            (folder / file).write_bytes(whole[: len(whole) // 2])
        eventually(lambda: file in shown(service, "qari")["message"], 10)
        refused = service.client.post("/ocr?model=qari", content=small_png())
        assert refused.status_code == 409
        assert str(folder / file) in refused.json()["detail"]
    finally:
        shutil.rmtree(folder)


def test_weights_whose_tensors_are_another_models_fail_the_job_with_the_reason(
    service: Service, models_dir: Path
) -> None:
    """What a look at the files can't tell is told by loading them."""
    folder = models_dir / "deepseek"
    shutil.copytree(CHECKPOINTS / "deepseek", folder)
    try:
        path = folder / "model.safetensors"
        (length,) = struct.unpack("<Q", path.read_bytes()[:8])
        header = path.read_bytes()[8 : 8 + length]
        renamed = header.replace(b'"lm_head.weight"', b'"lm_heat.weight"')
        path.write_bytes(path.read_bytes().replace(header, renamed))
        eventually(lambda: shown(service, "deepseek")["is_available"], 10)
        job = service.ended(service.submit(page_bytes("got-city.png"), model="deepseek"), 120)
        assert job["status"] == "failed"
        assert job["error_detail"]["code"] == "model_load_failed"
        assert "lm_head.weight" in job["error"]
        eventually(lambda: shown(service, "deepseek")["status"] == "failed", 10)
    finally:
        shutil.rmtree(folder)


def test_missing_package_is_named_and_nothing_else_suffers(service: Service) -> None:
    refused = service.client.post("/ocr?model=needy", content=small_png())
    assert refused.status_code == 409
    assert "no_such_package" in refused.json()["detail"]
    assert "[vlm]" not in refused.json()["detail"]  # which would not bring it
    job = read(service, "got", "got-invoice.png")
    assert job["result"]["text"] == texts_of("got")["got-invoice.png"]
    assert child_of(service, "got")


def test_answer_that_repeats_itself_is_cut_and_flagged(service: Service) -> None:
    job = read(service, "got", "got-endless.png")
    assert job["result"]["text"] == "again again"
    assert metadata_of(job)["flags"] == ["repetition"]
    assert "repeat" in " ".join(metadata_of(job)["warnings"])


def test_blank_page_is_answered_without_the_model(service: Service) -> None:
    before = len(log_lines(service, "batch_begins"))
    job = completed(service, service.submit(blank_png(), model="got"))
    assert (page_of(job)["text"], page_of(job)["raw_text"]) == ("", None)
    assert metadata_of(job)["flags"] == []
    assert len(log_lines(service, "batch_begins")) == before

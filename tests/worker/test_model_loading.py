"""What a model's child is told to load, and in which environment it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_api.catalog import Catalog, ModelSpec
from ocr_api.catalog.spec import WeightsSource
from ocr_api.errors import ModelLoadError, SettingsError
from ocr_api.messages import ModelLoaded
from ocr_api.settings import load_settings
from ocr_api.weights import Found
from ocr_api.worker.loaded_models import ModelState, model_report
from ocr_api.worker.model_loading import (
    LoadPlan,
    child_environment,
    load_request,
    shared_model_environment,
)
from ocr_api.worker.planning import check_quantization

SPEC = ModelSpec(
    "qari",
    "QARI",
    "engine:Class",
    "Arabic",
    device="cuda",
    weights=WeightsSource("a/b"),
    quantization="8bit",
    batch_pages=3,
    settings={"max_tokens": 7},
)


def test_model_with_weights_is_told_where_they_lie() -> None:
    plan = LoadPlan(60, lambda _: Found(Path("/m/qari"), Path("/m/adapter")), has_gpu=True)
    assert load_request(SPEC, plan).settings == {
        "max_tokens": 7,
        "folder": "/m/qari",
        "adapter_folder": "/m/adapter",
        "device": "cuda",
        "quantization": "8bit",
        "batch_pages": 3,
    }


def test_operator_chooses_the_quantization_and_the_host_the_device() -> None:
    plan = LoadPlan(60, lambda _: Found(Path("/m/qari")), quantization={"qari": "none"})
    settings = load_request(SPEC, plan).settings
    assert (settings["device"], settings["quantization"]) == ("cpu", "none")
    assert plan.runs_without_its_gpu(SPEC)
    assert "adapter_folder" not in settings


def test_missing_weights_are_an_error_of_loading() -> None:
    with pytest.raises(ModelLoadError, match="weights of QARI"):
        load_request(SPEC, LoadPlan(60, lambda _: None))


def test_model_without_weights_is_told_its_settings_only() -> None:
    spec = ModelSpec("t", "T", "engine:Class", "", settings={"a": 1})
    assert load_request(spec, LoadPlan(60, lambda _: None)).settings == {"a": 1}


def test_shared_model_gets_all_cores_and_what_the_gpu_needs() -> None:
    given = {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "1",
        "A_SECRET": "x",
        "PYTORCH_ALLOC_CONF": "y",
    }
    environment = shared_model_environment(given, 1, 8)
    assert environment["OMP_NUM_THREADS"] == "8"
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert environment["HF_HUB_OFFLINE"] == environment["TRANSFORMERS_OFFLINE"] == "1"
    assert environment.keys() >= {"PATH", "CUDA_VISIBLE_DEVICES", "PYTORCH_ALLOC_CONF"}
    assert "A_SECRET" not in environment


def test_other_children_get_a_core_each_and_nothing_of_the_gpu() -> None:
    environment = child_environment({"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "1"}, 8, 8)
    assert environment == {
        "PATH": "/bin",
        "HF_HUB_OFFLINE": "1",
        "OMP_THREAD_LIMIT": "1",
        "OMP_NUM_THREADS": "1",
    }


def test_report_tells_what_was_measured_and_what_went_wrong() -> None:
    loaded = ModelLoaded(900, "cpu", "4bit", 0.9)
    up = model_report("", ModelState(1, loaded=loaded))
    assert (up.status, up.loaded, up.memory_mib, up.quantization) == ("loaded", 1, 900, "4bit")
    loading = model_report("", ModelState(is_loading=True))
    assert (loading.status, loading.loaded) == ("loading", 0)
    failed = model_report("", ModelState(error="config.json is missing."))
    assert (failed.status, failed.message) == ("failed", "config.json is missing.")


def test_quantization_of_a_model_that_has_none_to_choose_stops_the_start() -> None:
    catalog = Catalog({"qari": SPEC, "t": ModelSpec("t", "T", "e:C", "")}, ())
    check_quantization(load_settings(quantization="qari:4bit"), catalog)
    for wrong in ("t:4bit", "nonsense:4bit"):
        with pytest.raises(SettingsError, match="Known: qari"):
            check_quantization(load_settings(quantization=wrong), catalog)

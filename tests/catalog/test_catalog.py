"""The catalog is data: the built-in entries and the operator's own."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from ocr_api.catalog import AUTO, Host, ModelSpec, availability, load_catalog
from ocr_api.errors import SettingsError

FULL = Host(has_gpu=True, has_package=lambda _: True)
NO_PACKAGES = Host(has_gpu=True, has_package=lambda _: False)


def test_every_engine_that_is_named_exists() -> None:
    for spec in load_catalog().models.values():
        if spec.engine:
            module, _, name = spec.engine.partition(":")
            assert callable(getattr(importlib.import_module(module), name))


def test_the_three_models_are_listed_and_the_test_engine_is_not() -> None:
    known = load_catalog().known_ids
    assert {"auto", "qari", "got", "deepseek", "tesseract", "rapidocr"} <= set(known)


def test_every_route_names_models_that_exist() -> None:
    catalog = load_catalog()
    assert set(catalog.routed_models) <= set(catalog.models)


def test_missing_package_is_named() -> None:
    found = load_catalog().availability("tesseract", NO_PACKAGES)
    assert not found.is_available
    assert "tesserocr" in found.reason


def test_auto_runs_where_one_of_its_models_does() -> None:
    assert load_catalog().availability(AUTO, FULL).is_available
    assert not load_catalog().availability(AUTO, NO_PACKAGES).is_available


def test_operator_adds_and_overrides_entries(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        "[models.tesseract]\nmemory_mib = 1\n"
        '[models.slow]\nname = "Slow"\nbest_for = "tests"\n'
        'engine = "ocr_api.engines.scripted:ScriptedEngine"\nsettings = { delay_s = 1.0 }\n'
    )
    catalog = load_catalog(own)
    assert catalog.model("tesseract").memory_mib == 1
    assert catalog.model("tesseract").name == "Tesseract 5"
    assert catalog.model("slow").settings == {"delay_s": 1.0}


def test_operator_may_replace_the_routing_table(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[[routes]]\nscripts = []\nmodels = ["tesseract"]\nreason = "always"\n')
    assert load_catalog(own).routed_models == ("tesseract",)
    own.write_text('[[routes]]\nscripts = []\nmodels = ["nosuch"]\nreason = "always"\n')
    with pytest.raises(SettingsError, match="nosuch"):
        load_catalog(own)


@pytest.mark.parametrize(
    "text", ["not toml", '[models.x]\nname = "no engine"\n', "models = 3", "[models]\nx = 1"]
)
def test_broken_operator_file_is_a_clear_error(tmp_path: Path, text: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(SettingsError, match=r"own\.toml"):
        load_catalog(own)


def test_missing_operator_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        load_catalog(tmp_path / "none.toml")


HEAVY = ModelSpec("m", "M", "a:B", "tests", device="cuda", packages=("torch", "transformers"))


def reason(**offers: object) -> str:
    offered: dict[str, object] = {"has_gpu": False, "has_package": lambda _: True, **offers}
    return availability(HEAVY, Host(**offered)).reason  # type: ignore[arg-type]


def test_model_for_a_gpu_runs_without_one_only_where_that_is_wished() -> None:
    assert "CPU_MODELS=true" in reason()
    assert reason(has_gpu=True) == ""
    assert reason(allows_cpu_models=True) == ""


def test_hindrances_are_named_in_order_of_what_can_be_done_about_them() -> None:
    hindered: dict[str, object] = {
        "has_package": lambda _: False,
        "weights_hindrance": lambda _: "No weights.",
    }
    assert "NVIDIA GPU" in reason(**hindered)
    assert "pip install 'ocr-api[vlm]'" in reason(has_gpu=True, **hindered)
    assert reason(has_gpu=True, weights_hindrance=lambda _: "No weights.") == "No weights."

"""Which model a new job gets."""

from __future__ import annotations

import pytest

from ocr_api.catalog import Availability, Host, load_catalog, resolve_model
from ocr_api.errors import ModelUnavailableError, UnknownModelError

BARE = Host(has_gpu=False, has_package=lambda _: True)
CATALOG = load_catalog()


def check(model: str) -> Availability:
    return CATALOG.availability(model, BARE)


def test_named_model_serves_without_a_warning() -> None:
    found = resolve_model("tesseract", "qari", "auto", check)
    assert (found.model, found.requested_model, found.warning) == ("tesseract", "tesseract", None)
    assert not found.is_default


def test_impossible_default_is_replaced_and_told() -> None:
    found = resolve_model(None, "qari", "auto", check)
    assert (found.model, found.requested_model, found.is_default) == ("auto", "qari", True)
    assert found.warning is not None
    assert "GPU" in found.warning
    assert "'auto'" in found.warning


def test_impossible_named_model_is_never_replaced() -> None:
    with pytest.raises(ModelUnavailableError, match="NVIDIA GPU"):
        resolve_model("qari", "tesseract", "auto", check)


def test_empty_fallback_never_serves() -> None:
    with pytest.raises(ModelUnavailableError):
        resolve_model(None, "qari", "", check)


def test_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(UnknownModelError, match="tesseract"):
        resolve_model("nosuch", "qari", "auto", check)

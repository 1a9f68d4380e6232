"""Settings: a wrong one stops the start with a clear message."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ocr_api.errors import SettingsError
from ocr_api.settings import Settings, load_settings

DOCUMENT = Path(__file__).parent.parent / "docs" / "configuration.md"


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_TIMEOUT", "12")
    monkeypatch.setenv("OCR_API_MAX_ATTEMPTS", "5")
    settings = load_settings()
    assert (settings.job_timeout, settings.max_attempts) == (12, 5)


def test_command_line_wins_over_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "1")
    monkeypatch.setenv("OCR_API_API_PORT", "2")
    assert load_settings(api_port=3, api_host=None).api_port == 3


def test_value_out_of_range_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "70000")
    with pytest.raises(SettingsError, match=r"API_PORT.*65535.*70000"):
        load_settings()


def test_misspelt_name_with_our_prefix_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_API_JOB_TIMOUT", "5")
    with pytest.raises(SettingsError, match="OCR_API_JOB_TIMEOUT"):
        load_settings()


def test_hosts_are_a_comma_separated_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "ocr.example, other.example ,")
    assert load_settings().allowed_hosts == ("ocr.example", "other.example")


def test_quantization_is_chosen_by_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTIZATION", "qari:4bit, got:none")
    assert load_settings().quantization_of == {"qari": "4bit", "got": "none"}
    monkeypatch.setenv("QUANTIZATION", "qari:5bit")
    with pytest.raises(SettingsError, match="QUANTIZATION"):
        load_settings()


def test_folders_follow_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "/srv/ocr")
    settings = load_settings()
    assert settings.blobs_dir == Path("/srv/ocr/uploads")
    assert settings.weights_dir == Path("/srv/ocr/models")


def test_external_server_is_named_by_host_or_url() -> None:
    assert load_settings(redis_host="redis").redis_address == "redis://redis:6379/0"
    assert load_settings(redis_url="redis://x:1/2").redis_address == "redis://x:1/2"
    with pytest.raises(SettingsError, match="ocr-api serve"):
        load_settings().redis_address  # noqa: B018 - it raises


def test_document_tells_every_variable_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    told = {name: (default, text) for name, default, text in rows}
    assert set(told) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        default, text = told[name.upper()]
        shown = "none" if field.default in (None, ()) else str(field.default)
        shown = "true" if field.default is True else "false" if field.default is False else shown
        assert default == f"`{shown}`", name
        assert text == field.description, name

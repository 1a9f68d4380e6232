"""Settings: a wrong one stops the start with a clear message."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from redis.asyncio.connection import parse_url

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


@pytest.mark.parametrize(
    ("host", "connected_to"),
    [
        ("redis", "redis"),
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%ab0", "fe80::1%ab0"),
        ("[fe80::1%25ab0]", "fe80::1%ab0"),
    ],
)
def test_client_connects_to_the_host_that_was_named(host: str, connected_to: str) -> None:
    told = parse_url(load_settings(redis_host=host, redis_port=7000).redis_address)
    assert (told["host"], told["port"], told["db"]) == (connected_to, 7000, 0)


@pytest.mark.parametrize("prefix", ["", "OCR_API_"])
def test_empty_variable_counts_as_unset(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker Compose passes a blank line of a file `.env` on as an empty variable."""
    for name in set(Settings.model_fields) - {"fallback_model"}:
        monkeypatch.setenv(f"{prefix}{name.upper()}", "")
    assert load_settings() == Settings.model_construct()
    assert load_settings().is_store_embedded


@pytest.mark.parametrize("prefix", ["", "OCR_API_"])
def test_empty_fallback_means_that_none_serves(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().fallback_model == "auto"
    monkeypatch.setenv(f"{prefix}FALLBACK_MODEL", "")
    assert load_settings().fallback_model == ""


def test_empty_variable_hides_no_other_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_HOST", "redis")
    monkeypatch.setenv("OCR_API_REDIS_HOST", "")
    assert load_settings().redis_host == "redis"


@pytest.mark.parametrize(
    ("host", "is_elsewhere"),
    [
        *(("localhost", False), ("LOCALHOST", False), ("127.0.0.1", False), ("127.1.2.3", False)),
        *(("[::1]", False), ("redis", True), ("192.0.2.1", True), ("[2001:db8::1]", True)),
        *(("127.example", True), ("localhost.example", True)),
    ],
)
def test_store_is_elsewhere_unless_its_name_is_of_this_machine(
    host: str, *, is_elsewhere: bool
) -> None:
    for named in (host, host.strip("[]")):
        assert load_settings(redis_host=named).is_store_elsewhere is is_elsewhere
    assert load_settings(redis_url=f"rediss://u:p@{host}:1/2").is_store_elsewhere is is_elsewhere


def test_store_with_a_socket_is_on_this_machine() -> None:
    assert not load_settings(redis_url="unix:///run/valkey.sock?db=1").is_store_elsewhere
    assert not load_settings(redis_url="redis:///0").is_store_elsewhere
    assert load_settings(redis_url="redis://x/0", redis_host="localhost").is_store_elsewhere
    with pytest.raises(SettingsError, match="ocr-api serve"):
        load_settings().is_store_elsewhere  # noqa: B018 - it raises


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

"""The evaluation pages, submitted over HTTP with `model=auto`, come back as right text."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from eval.scoring import Normalisation, character_error_rate
from tests.service import Service, running

pytestmark = [pytest.mark.processes, pytest.mark.reading, pytest.mark.timeout(300)]

PAGES = Path(__file__).parents[1] / "eval" / "pages"
MANIFEST: dict[str, dict[str, Any]] = {
    entry["file"]: entry for entry in json.loads((PAGES / "manifest.json").read_text())
}
HIGHEST = {
    "01_en_serif.png": 0.01,
    "02_fr_sans.png": 0.01,
    "03_zh_cjk.png": 0.01,
    "04_ar_amiri.png": 0.035,
    "05_ar_naskh.png": 0.01,
    "06_ar_kufi.png": 0.03,
    "07_ar_sans.png": 0.02,
    "09_ar_en_mixed_amiri.png": 0.08,
    "10_ar_en_mixed_dejavu.png": 0.06,
    "12_ar_amiri_lowcontrast_noise.png": 0.06,
    "13_ar_naskh_rot2.png": 0.015,
    "14_ar_naskh_96dpi.jpg": 0.02,
    "15_ar_amiri_rot90.png": 0.035,
    "16_en_rot3_noise.png": 0.01,
}
"""Character error rates that are never exceeded. Page 08 (full vowel marks) and 11 (Arabic-Indic
digits in a table) are read too, and not claimed."""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """All pages as ended jobs, by file name."""
    with running(tmp_path_factory.mktemp("reading") / "data") as service:
        yield dict(zip(MANIFEST, _read_all(service), strict=True))


def _read_all(service: Service) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(4) as callers:
        ids = callers.map(
            lambda name: service.submit((PAGES / name).read_bytes(), filename=name, model="auto"),
            MANIFEST,
        )
        return list(callers.map(lambda job_id: service.ended(job_id, 200), ids))


@pytest.mark.parametrize("name", MANIFEST)
def test_page_is_read(jobs: dict[str, dict[str, Any]], name: str) -> None:
    job, entry = jobs[name], MANIFEST[name]
    assert job["status"] == "completed", job
    rules: Normalisation = "ar-bare" if entry["script"].startswith(("arabic", "mixed")) else "std"
    error_rate = character_error_rate(entry["text"], job["result"]["text"], rules)
    assert error_rate <= HIGHEST.get(name, 1.0), job["result"]["text"]


@pytest.mark.parametrize("name", [name for name in MANIFEST if "_ar_" in name])
def test_arabic_comes_in_logical_order_as_printed(
    jobs: dict[str, dict[str, Any]], name: str
) -> None:
    text: str = jobs[name]["result"]["text"]
    assert unicodedata.is_normalized("NFC", text)
    assert not [sign for sign in text if unicodedata.bidirectional(sign) in _BIDI_CONTROLS]
    assert not [
        sign for sign in text if "\ufb50" <= sign <= "\ufdff" or "\ufe70" <= sign <= "\ufefc"
    ]
    metadata = jobs[name]["result"]["metadata"]["pages"][0]
    assert metadata["model"] == "tesseract"
    assert metadata["route_reason"]
    lines = [
        line for block in jobs[name]["result"]["pages"][0]["blocks"] for line in block["lines"]
    ]
    assert lines[0]["direction"] == "rtl"
    assert 0 <= metadata["confidence"] <= 1
    for line in lines:
        box = line["box"]
        assert 0 <= box["left"] <= box["right"] <= metadata["width_px"]
        assert 0 <= box["top"] <= box["bottom"] <= metadata["height_px"]


def test_turned_and_skewed_pages_are_told(jobs: dict[str, dict[str, Any]]) -> None:
    turned = jobs["15_ar_amiri_rot90.png"]["result"]["metadata"]["pages"][0]
    assert turned["rotation_deg"] in {90, 270}
    assert turned["width_px"] > turned["height_px"]
    skewed = jobs["13_ar_naskh_rot2.png"]["result"]["metadata"]["pages"][0]
    assert abs(abs(skewed["skew_deg"]) - 2.2) < 0.5


def test_arabic_indic_digits_and_vowel_marks_stay_as_printed(
    jobs: dict[str, dict[str, Any]],
) -> None:
    digits = jobs["11_ar_invoice_table.png"]["result"]["text"]
    assert any("\u0660" <= sign <= "\u0669" for sign in digits)
    marked = jobs["08_ar_tashkeel_amiri.png"]["result"]["text"]
    assert any("\u064b" <= sign <= "\u0652" for sign in marked)


_BIDI_CONTROLS = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}

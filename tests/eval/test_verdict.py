"""Which pages count for a model, and when it is verified."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.scoring import word_error_rate
from eval.verify.pages import OWN, Page, read_manifest, wanted_pages
from eval.verify.verdict import Reading, judge
from ocr_api.catalog import load_catalog
from ocr_api.errors import SettingsError
from tests.checkpoints.reading import FOLDER, MODELS, texts


def readings(*read: str | None, counts: bool = True) -> list[Reading]:
    return [Reading(Page("page.png", "abcd", "latin-en"), counts, text, 1.0) for text in read]


def test_median_decides_and_each_page_where_that_is_asked_for() -> None:
    mostly = readings("abcd", "abcd", "xxxx")
    assert judge(mostly, 0.0, each=False).is_verified
    assert "A page has an error rate of 1.000" in judge(mostly, 0.0, each=True).reason
    assert (
        "median error rate is 0.250, above 0.1" in judge(readings("abcx"), 0.1, each=False).reason
    )


def test_failed_page_counts_as_wholly_wrong() -> None:
    assert judge(readings(None, None, "abcd"), 0.1, each=False).median_cer == 1.0


def test_model_of_another_language_is_never_verified() -> None:
    verdict = judge(readings("abcd", counts=False), 0.1, each=False)
    assert not verdict.is_verified
    assert "None of the pages" in verdict.reason


def test_pages_count_for_the_models_that_know_their_language() -> None:
    catalog, manifest = load_catalog(), read_manifest(OWN)

    def counted(model: str) -> set[str]:
        spec = catalog.model(model)
        return {page.file[:2] for page in wanted_pages(manifest, spec) if page.counts_for(spec)}

    assert counted("got") == {"01", "03", "16"}
    assert counted("qari") == {f"{number:02}" for number in range(4, 16)}
    assert len(counted("deepseek")) == 16


def test_manifest_of_the_small_checkpoints_tells_their_texts() -> None:
    pages = read_manifest(FOLDER).pages
    told = {(page.models[0], Path(page.file).name): page.text for page in pages}
    plain = {
        (model, file): text
        for model in MODELS
        for file, text in texts(model)["text"].items()
        if "<" not in text
    }
    assert told == plain


def test_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    for damage in (None, "{", json.dumps([{"file": "page.png"}])):
        if damage is not None:
            path.write_text(damage)
        with pytest.raises(SettingsError, match="write a list of pages"):
            read_manifest(tmp_path)


def test_word_errors_are_counted_in_words() -> None:
    assert word_error_rate("one two three four", "one  tow three four", "std") == 0.25

"""Readers of the benchmarks: none is shown twice under two names."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.evaluation import LANGUAGES, evaluation_pages
from bench.readers import TesseractBinary, without_repeats


@pytest.mark.parametrize(
    ("known", "kept"), [(LANGUAGES[:-1], ["its own"]), (LANGUAGES, ["its own", "ours"])]
)
def test_data_that_lack_a_told_language_are_no_reader_of_their_own(
    tmp_path: Path, known: tuple[str, ...], kept: list[str]
) -> None:
    for language in known:
        (tmp_path / f"{language}.traineddata").touch()
    readers = {"its own": TesseractBinary(1), "ours": TesseractBinary(1, tmp_path)}

    found = without_repeats(readers, evaluation_pages(4), lambda _page: LANGUAGES)

    assert list(found) == kept


def test_data_are_a_reader_where_they_serve_one_of_the_pages(tmp_path: Path) -> None:
    (tmp_path / "eng.traineddata").touch()
    readers = {"ours": TesseractBinary(1, tmp_path)}

    found = without_repeats(readers, evaluation_pages(4), lambda page: page.languages)

    assert list(found) == ["ours"]

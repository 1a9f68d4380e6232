"""Which pages of a document: parsed, joined, cut to what there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.jobs import PageRanges

numbers = st.sets(st.integers(1, 60), min_size=1)


def test_ranges_are_sorted_and_joined() -> None:
    pages = PageRanges.parse("7, 1-3,2-4 ,8")
    assert str(pages) == "1-4,7-8"
    assert list(pages) == [1, 2, 3, 4, 7, 8]
    assert pages.count == 6


@pytest.mark.parametrize(
    "text", ["", ",", "1,", "0", "0-3", "3-1", "-3", "3-", "1--2", "a", "1.5", "٣", "1" * 7, "1\n"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="range"):
        PageRanges.parse(text)


def test_thousands_of_ranges_are_refused() -> None:
    with pytest.raises(ValueError, match="ranges"):
        PageRanges.parse(",".join(str(2 * number) for number in range(1, 2000)))


@given(numbers)
def test_text_comes_back(chosen: set[int]) -> None:
    pages = PageRanges.of((number, number) for number in chosen)
    assert PageRanges.parse(str(pages)) == pages
    assert list(pages) == sorted(chosen)
    assert all(number in pages for number in chosen)
    assert 61 not in pages


@given(numbers, st.integers(1, 70))
def test_pages_beyond_the_end_are_cut_off(chosen: set[int], pages_total: int) -> None:
    pages = PageRanges.of((number, number) for number in chosen).within(pages_total)
    assert list(pages) == sorted(number for number in chosen if number <= pages_total)
    assert pages.count == len(list(pages))

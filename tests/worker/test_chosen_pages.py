"""Which pages of a document a job reads."""

from __future__ import annotations

import pytest

from ocr_api.errors import NoSuchPagesError, TooManyPagesError
from ocr_api.jobs import PageRanges
from ocr_api.worker.chosen_pages import choose_pages


def test_all_pages_unless_some_are_asked_for() -> None:
    chosen = choose_pages(None, 5, max_pages=5)
    assert (list(chosen.pages), chosen.warnings) == ([1, 2, 3, 4, 5], ())
    chosen = choose_pages(PageRanges.parse("2,4-5"), 5, max_pages=5)
    assert (list(chosen.pages), chosen.warnings) == ([2, 4, 5], ())


def test_pages_that_do_not_exist_are_warned_of() -> None:
    chosen = choose_pages(PageRanges.parse("2,4-9"), 5, max_pages=5)
    assert str(chosen.pages) == "2,4-5"
    (warning,) = chosen.warnings
    assert warning == "The document has 5 pages; of those asked for (2,4-9), 2,4-5 exist."


def test_document_without_any_of_the_pages_fails() -> None:
    with pytest.raises(NoSuchPagesError) as caught:
        choose_pages(PageRanges.parse("6-7"), 5, max_pages=5)
    assert caught.value.facts == {"pages_total": 5, "pages": "6-7"}


def test_limit_holds_for_the_pages_that_are_read() -> None:
    assert choose_pages(PageRanges.parse("9999"), 10_000, max_pages=1).pages.count == 1
    with pytest.raises(TooManyPagesError, match="2 pages are to be read; 1 are allowed"):
        choose_pages(PageRanges.parse("1-2"), 10_000, max_pages=1)

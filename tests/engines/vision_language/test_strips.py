"""Tall pages are cut between lines or with overlap, and no line is doubled or lost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.engines.vision_language.plain_page import plain_page
from ocr_api.engines.vision_language.strips import (
    Strip,
    StripRule,
    cut,
    doubled_lines,
    join_texts,
    plan_strips,
    strip_count,
    strip_page,
)
from ocr_api.pages import PageText
from tests.engines.pages import page_of, written

LINE_PX = 20


@given(
    st.lists(st.text("abc ", min_size=1).map(str.strip).filter(bool), min_size=4, max_size=30),
    st.data(),
)
def test_text_of_overlapping_strips_comes_once(lines: list[str], data: st.DataObject) -> None:
    """Whatever the text: also lines that are all the same."""
    height = LINE_PX * len(lines)
    page = page_of(np.zeros((height, 100), np.uint8))
    middle = data.draw(st.integers(1, len(lines) - 1))
    shared = data.draw(st.integers(0, min(middle, len(lines) - middle)))
    strips = [Strip(0, LINE_PX * middle), Strip(LINE_PX * (middle - shared), height)]
    texts = [
        plain_page(
            "\n".join(lines[strip.top // LINE_PX : strip.bottom // LINE_PX]),
            strip_page(page, strip),
        )
        for strip in strips
    ]

    joined = join_texts(texts, strips, page)

    assert [line.text for line in joined.lines] == [" ".join(line.split()) for line in lines]
    assert (joined.width_px, joined.height_px) == (100, height)
    assert all(0 <= block.box.top < block.box.bottom <= height for block in joined.blocks)


def test_line_that_was_misread_in_one_strip_is_known_again() -> None:
    above = ["Invoice 4711", "Total 19.36 EUR"]
    below = ["Total l9.36 EUR", "Thank you"]

    assert doubled_lines(above, below, 1.0) == 1


def test_strips_without_common_rows_keep_all_lines() -> None:
    assert doubled_lines(["same"], ["same"], 0) == 0


@given(
    st.lists(st.booleans(), min_size=30, max_size=400).map(np.array),
    st.integers(1, 5),
)
def test_strips_cover_every_row(has_ink: np.typing.NDArray[np.bool_], count: int) -> None:
    strips = plan_strips(has_ink, count)

    assert len(strips) == count
    assert (strips[0].top, strips[-1].bottom) == (0, len(has_ink))
    for above, below in pairwise(strips):
        assert above.top <= below.top <= above.bottom <= below.bottom


def test_page_is_cut_in_a_gap_between_lines() -> None:
    page = page_of(written(*(f"Line {number}" for number in range(12)), width_px=300))
    strips = cut(page, StripRule(most_aspect=1.0, most_pixels=10**9))

    assert len(strips) == strip_count(300, page.height_px, StripRule(1.0, 10**9)) > 1
    pixels = np.frombuffer(page.pixels, np.uint8).reshape(page.height_px, 300)
    for above, below in pairwise(strips):
        assert above.bottom == below.top
        assert pixels[below.top].min() > 200
    rows = [strip_page(page, strip) for strip in strips]
    assert b"".join(bytes(row.pixels) for row in rows) == bytes(page.pixels)


def test_flags_and_raw_answers_of_all_strips_are_kept() -> None:
    page = page_of(np.zeros((40, 10), np.uint8))
    strips = [Strip(0, 20), Strip(20, 40)]
    texts = [
        PageText(10, 20, raw_text="one", flags=("truncated",)),
        PageText(10, 20, raw_text="two", flags=("truncated", "repetition")),
    ]

    joined = join_texts(texts, strips, page)

    assert (joined.raw_text, joined.flags) == ("one\n\ntwo", ("truncated", "repetition"))

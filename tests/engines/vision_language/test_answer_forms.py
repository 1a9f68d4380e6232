"""Answers with markup become words, Markdown and boxes; broken markup stays text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.engines.vision_language.answer_forms import FORMS
from ocr_api.engines.vision_language.grounding import boxes_of, grounded_page, parts_of
from ocr_api.engines.vision_language.latex import text_of_latex
from ocr_api.engines.vision_language.markup import markdown_of_html, text_of_html
from ocr_api.pages import Box
from tests.engines.pages import page_of

PAGE = page_of(np.zeros((1000, 500), np.uint8))
WHOLE = Box(0, 0, 500, 1000)


def test_arabic_keeps_order_and_tashkeel_when_tags_go() -> None:
    answer = "<h1>مَدْرَسَةٌ</h1>\n<p>السَّلَامُ <b>عَلَيْكُمْ</b></p>"

    assert text_of_html(answer) == "مَدْرَسَةٌ\n\nالسَّلَامُ عَلَيْكُمْ"  # noqa: RUF001
    assert markdown_of_html(answer) == "# مَدْرَسَةٌ\n\nالسَّلَامُ **عَلَيْكُمْ**"  # noqa: RUF001


def test_table_is_kept_in_markdown_and_read_by_row() -> None:
    answer = "<table><tr><td>tea</td><td>4</td></tr><tr><td>milk</td><td>7</td></tr></table>"

    assert text_of_html(answer) == "tea\t4\nmilk\t7"
    assert markdown_of_html(answer) == answer


def test_lists_become_markdown() -> None:
    answer = "<ul><li>one</li><li>two</li></ul><ol><li>a</li><li>b</li></ol>"

    assert markdown_of_html(answer) == "- one\n- two\n\n1. a\n2. b"


@pytest.mark.parametrize("text", ["3 < 4 and 5 > 2", "<name> of the <b", "a & b", "x<y>z"])
def test_what_is_no_tag_stays_text(text: str) -> None:
    assert text_of_html(text) == text
    assert markdown_of_html(text) is None


@given(st.text("ab <>/pbrtdhl\n&;\"'=", max_size=80))
def test_broken_markup_never_fails_and_never_grows(answer: str) -> None:
    assert "\n\n\n" not in text_of_html(f"<p>{answer}</p>")
    assert (markdown_of_html(f"<p>{answer}</p>") or "").strip() is not None
    assert len(text_of_html(f"<p>{answer}</p>")) <= 2 * len(answer) + 7


def test_grounding_gives_labels_and_boxes_in_pixels() -> None:
    answer = (
        "<|ref|>title<|/ref|><|det|>[[0, 0, 999, 100]]<|/det|>\n# Report\n\n"
        "<|ref|>text<|/ref|><|det|>[[100, 200, 500, 300], [100, 400, 500, 999]]<|/det|>\n"
        "Sales rose\n"
    )

    page = grounded_page(answer, PAGE)

    assert [(block.label, block.text) for block in page.blocks] == [
        ("title", "Report"),
        ("text", "Sales rose"),
    ]
    assert page.blocks[0].box == Box(0, 0, 500, 100)
    assert page.blocks[1].box == Box(50, 200, 250, 1000)
    assert page.formatted_text == "# Report\n\nSales rose"


@pytest.mark.parametrize(
    "boxes", ["[[1, 2, 3]]", "[['a', 1, 2, 3]]", "__import__('os')", "[[1, 2, 3, 4]", "", "7"]
)
def test_malformed_boxes_stay_in_the_text(boxes: str) -> None:
    assert boxes_of(boxes) is None
    page = grounded_page(f"<|ref|>x<|/ref|><|det|>{boxes}<|/det|>\nwords", PAGE)
    assert page.text.endswith("words")
    assert all(block.box == WHOLE for block in page.blocks)


@given(st.text(max_size=60), st.lists(st.integers(-5000, 5000), min_size=4, max_size=4))
def test_boxes_always_lie_on_the_page(text: str, box: list[int]) -> None:
    page = grounded_page(f"<|ref|>t<|/ref|><|det|>[{box}]<|/det|>\n{text}", PAGE)

    for block in page.blocks:
        assert 0 <= block.box.left <= block.box.right <= 500
        assert 0 <= block.box.top <= block.box.bottom <= 1000


def test_unfinished_mark_is_not_told() -> None:
    answer = "<|ref|>title<|/ref|><|det|>[[0, 0, 9, 9]]<|/det|>\nReport\n<|ref|>te"

    assert grounded_page(answer, PAGE).text == "Report"
    assert grounded_page("Report <|re", PAGE).text == "Report"


def test_answer_without_grounding_is_plain() -> None:
    page = grounded_page("Dear Sir,\nplease pay", PAGE)

    assert (page.text, page.formatted_text) == ("Dear Sir,\nplease pay", None)
    assert [part.label for part in parts_of("words")] == [None]


def test_picture_without_words_is_a_block_of_its_own() -> None:
    page = grounded_page("<|ref|>image<|/ref|><|det|>[[0, 0, 9, 9]]<|/det|>\n", PAGE)

    assert [(block.label, block.text) for block in page.blocks] == [("image", "")]


def test_latex_is_kept_beside_its_words() -> None:
    answer = (
        "\\title{\nReport\n}\n\n\\begin{tabular}{|l|l|}\n\\hline tea & 4 \\\\\n"
        "\\hline milk & 7 \\\\\n\\hline\n\\end{tabular}\n\\( x^{2} \\) rose 3\\%"
    )

    page = FORMS["latex"](answer, PAGE)

    assert page.formatted_text == answer
    assert text_of_latex(answer) == "Report\n\ntea\t4\nmilk\t7\n\nx^{2}  rose 3%"
    assert page.text == "Report\n\ntea 4\nmilk 7\n\nx^{2} rose 3%"


def test_doctags_become_words() -> None:
    answer = (
        "<doctag><section_header_level_1><loc_1><loc_2><loc_3><loc_4>Report</section_header_level_1>"
        "<otsl><fcel>tea<fcel>4<nl><fcel>milk<fcel>7<nl></otsl></doctag>"
    )

    assert FORMS["doctags"](answer, PAGE).text == "Report\ntea 4\nmilk 7"


@given(st.text(max_size=60), st.sampled_from(sorted(FORMS)))
def test_no_answer_makes_a_form_fail(answer: str, form: str) -> None:
    page = FORMS[form](answer, PAGE)

    assert (page.width_px, page.height_px) == (500, 1000)

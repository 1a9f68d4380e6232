"""Words that Tesseract divides though no space is printed between them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from eval.scoring import character_error_rate
from ocr_api.engines.base import ReadOptions
from ocr_api.engines.tessdata_index import find_languages
from ocr_api.engines.tesseract import TesseractEngine
from ocr_api.engines.tesseract.tsv import PlacedWord, build_blocks, parse_tsv
from ocr_api.jobs import PageResult
from ocr_api.pages import Box, Line, PageText, Word
from ocr_api.renderers import FORMATS
from tests.engines.pages import eval_page, page_of
from tests.renderers.samples import rendered

GREETING = "\u0645\u0631\u062d\u0628\u0627"
WORLD = "\u0627\u0644\u0639\u0627\u0644\u0645"
CHINESE_PAGE = "03"
needs_chinese = pytest.mark.skipif(
    "chi_sim" not in find_languages(environ=os.environ),
    reason="Tesseract's language data chi_sim are not installed",
)


def line_of(*words: tuple[str, bool], apart_px: int = 4, width_px: int = 40) -> Line:
    """The one line of `(text, is_spaced)`, from left to right."""
    placed = []
    left = 0
    for text, is_spaced in words:
        placed.append(
            PlacedWord((1, 1, 1), Word(text, Box(left, 0, left + width_px, 40)), is_spaced)
        )
        left += width_px + apart_px
    (line,) = (line for block in build_blocks(placed) for line in block.lines)
    return line


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((("光学", False), ("字符", False), ("。", False)), "光学字符。"),
        ((("カタ", False), ("カナ", False), ("と", False), ("漢字", False)), "カタカナと漢字"),
        ((("나는", False), ("학", True), ("교", False), ("에", False)), "나는 학교에"),
        ((("ภา", False), ("ษา", False), ("แต", True), ("่", False)), "ภาษา แต่"),
    ],
)
def test_script_without_spaces_is_written_without(
    words: tuple[tuple[str, bool], ...], text: str
) -> None:
    line = line_of(*words)

    assert line.text == text
    assert [word.text for word in line.words] == text.split(" ")


def test_space_seen_beside_latin_letters_and_digits_stays() -> None:
    printed_apart = line_of(("使用", False), ("Python", True), ("和", True), ("2.4", True))
    printed_tight = line_of(("合计", False), ("1936.50", False), ("元", False))

    assert printed_apart.text == "使用 Python 和 2.4"
    assert printed_tight.text == "合计1936.50元"


def test_space_seen_between_chinese_words_stays() -> None:
    assert line_of(("姓名", False), ("张", True), ("三", False)).text == "姓名 张三"


def test_united_word_has_the_box_and_the_mean_confidence_of_its_parts() -> None:
    parts = (
        PlacedWord((1, 1, 1), Word("图书馆", Box(0, 2, 120, 40), 0.9), is_spaced=False),
        PlacedWord((1, 1, 1), Word("里", Box(124, 0, 160, 38), 0.5), is_spaced=False),
    )

    ((line,),) = (block.lines for block in build_blocks(parts))

    assert [(word.text, word.box) for word in line.words] == [("图书馆里", Box(0, 0, 160, 40))]
    assert line.words[0].confidence == pytest.approx(0.8)
    assert line.confidence == pytest.approx(0.8)


def test_low_mark_beside_a_flat_letter_is_on_its_line() -> None:
    """The boxes of `一` and `、` have no height in common."""
    parts = (
        PlacedWord((1, 1, 1), Word("一", Box(0, 18, 40, 22)), is_spaced=False),
        PlacedWord((1, 1, 1), Word("、", Box(44, 30, 54, 40)), is_spaced=False),
        PlacedWord((1, 1, 1), Word("绪论", Box(90, 0, 170, 40)), is_spaced=False),
    )

    ((line,),) = (block.lines for block in build_blocks(parts))

    assert line.text == "一、绪论"


def test_columns_stay_apart_where_no_space_was_seen() -> None:
    line = line_of(("姓名", False), ("张三", False), apart_px=200)

    assert [word.text for word in line.words] == ["姓名", "张三"]


@pytest.mark.parametrize("words", [(GREETING, WORLD), ("2024", "12"), ("Total", "19.36")])
def test_other_scripts_have_spaces_whatever_is_told(words: tuple[str, str]) -> None:
    """Of a line from right to left a space is told of the neighbour on the other side."""
    line = line_of((words[0], False), (words[1], False))

    assert line.text == " ".join(words)


def test_spaces_are_told_of_empty_words_too() -> None:
    rows = (
        "5\t1\t1\t1\t1\t1\t0\t10\t40\t20\t95\t光学",
        "5\t1\t1\t1\t1\t2\t42\t10\t1\t20\t95\t ",
        "5\t1\t1\t1\t1\t3\t44\t10\t40\t20\t95\t字符",
    )

    assert [word.is_spaced for word in parse_tsv("\n".join(rows), (False, True, False))] == [
        False,
        False,
    ]


def test_spaces_of_other_words_are_not_taken_for_those_of_these() -> None:
    row = "5\t1\t1\t1\t1\t1\t0\t10\t40\t20\t95\t光学"

    assert [word.is_spaced for word in parse_tsv(row, (False, False))] == [True]


@pytest.fixture(scope="module")
def engine() -> Iterator[TesseractEngine]:
    made = TesseractEngine({})
    made.load()
    yield made
    made.close()


def read(engine: TesseractEngine, *languages: str) -> PageText:
    (text,) = engine.read(
        [page_of(eval_page(CHINESE_PAGE).pixels())],
        options=ReadOptions(languages=languages),
        on_text=lambda _index, _text: None,
        should_stop=lambda _index: False,
    )
    return text


@needs_chinese
@pytest.mark.parametrize(
    "languages", [("chi_sim",), ("eng", "chi_sim"), ("ara", "eng", "fra", "chi_sim")]
)
def test_chinese_page_is_read_without_spaces(
    engine: TesseractEngine, languages: tuple[str, ...]
) -> None:
    text = read(engine, *languages)

    assert character_error_rate(eval_page(CHINESE_PAGE).text, text.text, "std") <= 0.02


@needs_chinese
def test_all_formats_have_the_same_chinese_line(engine: TesseractEngine) -> None:
    text = read(engine, "chi_sim")
    line = text.lines[0].text
    result = PageResult(1, "tesseract", text)

    assert " " not in line
    assert [word.text for word in text.lines[0].words] == [line]
    for name in ("text", "markdown", "json", "hocr", "alto"):
        assert line in rendered(FORMATS[name], result)
    hocr = ET.fromstring(rendered(FORMATS["hocr"], result).encode())  # noqa: S314 - our own output
    lines = [found for found in hocr.iter() if found.get("class") == "ocr_line"]
    assert ["".join(found.itertext()) for found in lines] == [found.text for found in text.lines]

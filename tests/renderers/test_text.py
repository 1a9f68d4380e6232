"""Plain text and Markdown: what a reader sees is what was printed."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import example, given
from markdown_it import MarkdownIt

from ocr_api.jobs import PageResult
from ocr_api.pages import Line
from ocr_api.renderers import FORMATS
from ocr_api.renderers.markdown import markdown_line
from ocr_api.renderers.spacing import spaces_after
from tests.renderers.samples import (
    ARABIC,
    ENGLISH,
    SAMPLES,
    lines,
    pages,
    rendered,
    texts,
    three_pages,
)

TEXT, MARKDOWN = FORMATS["text"], FORMATS["markdown"]


def shown(markdown: str) -> str:
    """The text that a reader of rendered Markdown sees, white space made even."""
    found: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        assert token.type in {"paragraph_open", "inline", "paragraph_close"}, token
        for child in token.children or ():
            assert child.type in {"text", "text_special", "softbreak", "hardbreak"}, child
            found.append(child.content or " ")
        found.append(" ")
    return even("".join(found))


def even(text: str) -> str:
    """The same text with single spaces, as CommonMark reads it (2.3: U+0000 is replaced)."""
    return re.sub(r"\s+", " ", text.replace("\x00", "\ufffd")).strip()


@given(texts)
@example("1. a")
@example("    code")
@example("a\u2028# b")
@example("\u00a0- a")
def test_line_of_markdown_shows_what_was_printed(text: str) -> None:
    assert shown(markdown_line(text)) == even(text)


@given(pages())
def test_any_page_shows_as_printed_in_markdown(page: PageResult) -> None:
    assert shown(rendered(MARKDOWN, page)) == even(page.text.text)


def test_lines_stay_lines_in_markdown() -> None:
    assert rendered(MARKDOWN, ENGLISH) == "Invoice # 42  \nSmith \\& Sons\n\nTotal: \\<100\\>\n"


def test_markup_of_the_model_is_kept() -> None:
    page = replace(ENGLISH, text=replace(ENGLISH.text, formatted_text="# Invoice *42*\n\n"))
    assert rendered(MARKDOWN, page) == "# Invoice *42*\n"


@given(pages())
def test_lone_page_is_just_its_text(page: PageResult) -> None:
    assert rendered(TEXT, page) == page.text.text + "\n"


def test_pages_of_several_are_headed_and_failed_ones_named() -> None:
    assert three_pages(TEXT) == (
        "=== Page 1 of 3 ===\none\n\n"
        "=== Page 2 of 3 ===\n[Reading took longer than 300 s.]\n\n"
        "=== Page 3 of 3 ===\nthree\n"
    )
    assert three_pages(MARKDOWN) == (
        "<!-- Page 1 of 3 -->\n\none\n\n---\n\n"
        "<!-- Page 2 of 3 -->\n\n*Reading took longer than 300 s.*\n\n---\n\n"
        "<!-- Page 3 of 3 -->\n\nthree\n"
    )


@given(lines())
def test_every_word_has_its_space_or_none(line: Line) -> None:
    spaced = spaces_after(line)
    assert len(spaced) == len(line.words)
    assert not any(spaced[-1:])


@pytest.mark.parametrize("name", SAMPLES)
def test_spaces_rebuild_the_line(name: str) -> None:
    for line in SAMPLES[name].text.lines:
        spaced = zip(line.words, spaces_after(line), strict=True)
        assert "".join(word.text + " " * space for word, space in spaced) == line.text


def test_no_bidi_control_is_added_to_text() -> None:
    assert all(unicodedata.category(char) != "Cf" for char in rendered(TEXT, ARABIC))

"""hOCR: well-formed XHTML after hOCR 1.2, and what was read comes back out of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from hypothesis import given

from ocr_api.jobs import PageResult
from ocr_api.renderers import FORMATS
from ocr_api.renderers.markup import xml_chars
from tests.renderers.samples import (
    ARABIC,
    ENGLISH,
    TIMEOUT,
    filenames,
    pages,
    rendered,
    three_pages,
)

HOCR = FORMATS["hocr"]
XHTML = "{http://www.w3.org/1999/xhtml}"
INSIDE = {
    "ocr_page": "body",
    "ocr_carea": "ocr_page",
    "ocr_par": "ocr_carea",
    "ocr_line": "ocr_par",
    "ocrx_word": "ocr_line",
}
PROPERTY = re.compile(r'(bbox( \d+){4}|ppageno \d+|x_wconf \d+(\.\d+)?|image "[!#-~]+")')
Told = list[tuple[str, str, str | None]]


def parsed(document: str) -> ET.Element:
    return ET.fromstring(document.encode())  # noqa: S314 - our own output


def classed(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if element.get("class") == name]


def properties(element: ET.Element) -> dict[str, str]:
    found = {}
    for part in element.attrib["title"].split("; "):
        assert PROPERTY.fullmatch(part), part
        name, _, value = part.partition(" ")
        found[name] = value
    return found


def check_hocr(root: ET.Element) -> None:
    """Fails where a document breaks hOCR 1.2, sections 2, 8 and 9."""
    metas = [(found.get("name"), found.get("content")) for found in root.iter(f"{XHTML}meta")]
    names = [name for name, _ in metas]
    assert names.count("ocr-system") == names.count("ocr-capabilities") == 1
    capabilities = str(dict(metas)["ocr-capabilities"]).split()
    parents = {child: parent for parent in root.iter() for child in parent}
    for name, outer in INSIDE.items():
        assert name in capabilities
        for element in classed(root, name):
            parent = parents[element]
            assert outer in {parent.get("class"), parent.tag.removeprefix(XHTML)}
            assert "bbox" in properties(element)
    assert {"ocrp_lang", "ocrp_dir"} <= set(capabilities)
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(set(ids)) == len(ids)
    assert dict(metas)["ocr-number-of-pages"] == str(len(classed(root, "ocr_page")))


def expected(page: PageResult) -> Told:
    return [
        (
            xml_chars(word.text),
            f"{word.box.left} {word.box.top} {word.box.right} {word.box.bottom}",
            None if word.confidence is None else f"{round(word.confidence * 100, 2):g}",
        )
        for line in page.text.lines
        for word in line.words
    ]


def found_words(root: ET.Element) -> Told:
    return [
        (element.text or "", properties(element)["bbox"], properties(element).get("x_wconf"))
        for element in classed(root, "ocrx_word")
    ]


@given(pages(), filenames)
def test_any_page_is_well_formed_and_comes_back_word_by_word(
    page: PageResult, filename: str | None
) -> None:
    root = parsed(rendered(HOCR, page, filename=filename))
    check_hocr(root)
    assert found_words(root) == expected(page)
    lines = classed(root, "ocr_line")
    assert [line.get("dir") for line in lines] == [line.direction for line in page.text.lines]
    for element, line in zip(lines, page.text.lines, strict=True):
        if not line.words:
            assert (element.text or "") == xml_chars(line.text)


class Words(HTMLParser):
    """What an HTML parser makes of the words."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self._is_word = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes tags; a word begins."""
        self.tags.add(tag)
        self._is_word = ("class", "ocrx_word") in attrs
        if self._is_word:
            self.words.append("")

    def handle_endtag(self, _tag: str) -> None:
        """A word ends."""
        self._is_word = False

    def handle_data(self, data: str) -> None:
        """Adds to the word."""
        if self._is_word:
            self.words[-1] += data


@given(pages())
def test_html_parser_sees_the_same_words_and_no_foreign_tags(page: PageResult) -> None:
    reader = Words()
    reader.feed(rendered(HOCR, page))
    assert reader.words == [word for word, *_ in expected(page)]
    assert reader.tags <= {"html", "head", "meta", "title", "body", "div", "p", "span"}


def test_direction_language_and_order_of_arabic_are_told() -> None:
    root = parsed(rendered(HOCR, ARABIC))
    assert {line.get("dir") for line in classed(root, "ocr_line")} == {"rtl"}
    assert {par.get("dir") for par in classed(root, "ocr_par")} == {"rtl"}
    assert classed(root, "ocr_page")[0].get("lang") == "und-Arab"
    assert "".join(classed(root, "ocr_line")[0].itertext()) == "مرحبا بالعالم،"


def test_baselines_are_not_invented() -> None:
    assert "baseline" not in rendered(HOCR, ENGLISH)


def test_name_of_the_source_is_kept_in_what_hocr_allows() -> None:
    name = 'ص "1"; bbox\n.png'
    page = classed(parsed(rendered(HOCR, ENGLISH, filename=name)), "ocr_page")[0]
    assert unquote(properties(page)["image"].strip('"')) == name


def test_unread_page_is_there_and_says_why() -> None:
    root = parsed(three_pages(HOCR))
    check_hocr(root)
    second = classed(root, "ocr_page")[1]
    assert second.get("data-error-code") == "page_timeout"
    assert second.get("data-error") == TIMEOUT.detail
    assert "".join(second.itertext()).strip() == ""

"""ALTO: valid, nothing invented, and what was read comes back out of it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from lxml import etree  # type: ignore[import-untyped]

from ocr_api.jobs import PageResult
from ocr_api.pages import Box, Line, Word
from ocr_api.renderers import FORMATS, DocumentInfo, PageOutcome, render
from ocr_api.renderers.markup import xml_chars
from tests.renderers.alto_structure import NAMESPACE, check_alto
from tests.renderers.samples import (
    ARABIC,
    ENGLISH,
    TIMEOUT,
    filenames,
    pages,
    rendered,
    three_pages,
)

ALTO = FORMATS["alto"]
Told = list[tuple[str, tuple[int, int, int, int], str | None]]

XLINK = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
  targetNamespace="http://www.w3.org/1999/xlink">
  <xs:attributeGroup name="simpleLink"><xs:attribute name="href"/></xs:attributeGroup>
</xs:schema>"""


def parsed(document: str) -> ET.Element:
    return ET.fromstring(document.encode())  # noqa: S314 - our own output


def elements(root: ET.Element, name: str) -> list[ET.Element]:
    return list(root.iter(f"{NAMESPACE}{name}"))


def expected(page: PageResult) -> Told:
    told: Told = []
    for line in page.text.lines:
        for word in line.words or (Word(line.text, line.box, line.confidence),):
            box = word.box
            places = (box.left, box.top, box.width_px, box.height_px)
            confidence = None if word.confidence is None else f"{round(word.confidence, 4):g}"
            told.append((xml_chars(word.text), places, confidence))
    return told


def found(root: ET.Element) -> Told:
    return [
        (
            element.attrib["CONTENT"],
            (
                int(element.attrib["HPOS"]),
                int(element.attrib["VPOS"]),
                int(element.attrib["WIDTH"]),
                int(element.attrib["HEIGHT"]),
            ),
            element.get("WC"),
        )
        for element in elements(root, "String")
    ]


@given(pages(), filenames)
def test_any_page_is_valid_and_comes_back_word_by_word(
    page: PageResult, filename: str | None
) -> None:
    root = parsed(rendered(ALTO, page, filename=filename))
    check_alto(root)
    assert found(root) == expected(page)


def test_direction_is_marked_on_lines_and_blocks() -> None:
    root = parsed(rendered(ALTO, ARABIC))
    marked = elements(root, "TextLine") + elements(root, "TextBlock")
    assert {element.get("BASEDIRECTION") for element in marked} == {"rtl"}
    assert found(root)[0][0] == "مرحبا", "logical order: the first word read stands first"
    assert elements(root, "Page")[0].get("LANG") == "und-Arab"


def test_space_stands_between_words_and_nothing_is_invented() -> None:
    root = parsed(rendered(ALTO, ENGLISH))
    (first, *_) = elements(root, "TextLine")
    assert [child.tag.removeprefix(NAMESPACE) for child in first] == [
        "String",
        "SP",
        "String",
        "SP",
        "String",
    ]
    written = rendered(ALTO, ENGLISH)
    assert "HYP" not in written
    assert "BASELINE" not in written


def test_script_without_spaces_has_none() -> None:
    box = Box(0, 0, 10, 10)
    line = Line("你好世界", box, (Word("你好", box), Word("世界", box)))
    page = replace(
        ENGLISH,
        text=replace(ENGLISH.text, blocks=(replace(ENGLISH.text.blocks[0], lines=(line,)),)),
    )
    assert "<SP/>" not in rendered(ALTO, page)


def test_unread_page_is_there_and_says_why() -> None:
    root = parsed(three_pages(ALTO))
    check_alto(root)
    second = elements(root, "Page")[1]
    assert second.attrib["QUALITY_DETAIL"] == f"page_timeout: {TIMEOUT.detail}"
    assert list(second) == []


def test_language_that_the_caller_named_is_told() -> None:
    document = DocumentInfo(1, 1, languages=("zh_Hant",))
    root = parsed("".join(render(ALTO, document, [PageOutcome(1, ARABIC)])))
    assert elements(root, "Page")[0].get("LANG") == "zh-Hant"


def test_box_outside_the_page_is_cut_to_it() -> None:
    box = Box(-5, -5, 5000, 10)
    line = Line("a", box, (Word("a", box),))
    block = replace(ENGLISH.text.blocks[0], lines=(line,), box=box)
    page = replace(ENGLISH, text=replace(ENGLISH.text, blocks=(block,)))
    assert found(parsed(rendered(ALTO, page)))[0][1] == (0, 0, 1240, 10)


@pytest.mark.parametrize(
    "wrong",
    [
        ("<SP/>", "<SP/><SP/>"),
        ('WC="0.98"', 'WC="98"'),
        ("pixel", "px"),
        ('ID="page_1" ', ""),
        ('BASEDIRECTION="ltr"', 'BASEDIRECTION="auto"'),
        ('ID="block_1_1"', 'ID="line_1_1_1"'),
    ],
)
def test_check_finds_what_the_schema_forbids(wrong: tuple[str, str]) -> None:
    document = rendered(ALTO, ENGLISH)
    assert wrong[0] in document
    with pytest.raises(AssertionError):
        check_alto(parsed(document.replace(*wrong)))


@pytest.mark.skipif("ALTO_SCHEMA" not in os.environ, reason="ALTO_SCHEMA names no alto-4-4.xsd")
@given(pages(), filenames)
def test_any_page_is_valid_against_the_published_schema(
    page: PageResult, filename: str | None
) -> None:
    text = Path(os.environ["ALTO_SCHEMA"]).read_text()
    head, _, rest = text.partition("<xsd:import")
    source = f"{head}<xsd:import{rest}".replace(
        "http://www.loc.gov/standards/xlink/xlink.xsd", "xlink.xsd"
    )

    class Own(etree.Resolver):  # type: ignore[misc]
        def resolve(self, url: str, _id: str, context: object) -> object:
            return self.resolve_string(XLINK, context) if url.endswith("xlink.xsd") else None

    parser = etree.XMLParser()
    parser.resolvers.add(Own())
    schema = etree.XMLSchema(etree.fromstring(source.encode(), parser))
    for document in (rendered(ALTO, page, filename=filename), three_pages(ALTO)):
        schema.assertValid(etree.fromstring(document.encode()))

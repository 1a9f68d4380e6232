"""ALTO 4.4: https://www.loc.gov/standards/alto/; measures in pixels of the upright page.

Strings stand in logical order, and `BASEDIRECTION` tells which way they run. `WC` is what the
engine gave; no `HYP`, `BASELINE` or style is told, since no engine gives them. A line without words
holds one String with the whole line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ocr_api.jobs import PageResult
from ocr_api.pages import Block, Box, Line, Word
from ocr_api.renderers.document import DocumentInfo, OutputFormat, PageOutcome
from ocr_api.renderers.languages import page_language
from ocr_api.renderers.markup import XML_HEAD, xml_attributes, xml_text
from ocr_api.renderers.spacing import spaces_after

_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA = "http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"
_VERSION = "4.4"
_PROCESSING_ID = "processing_1"


def _head(document: DocumentInfo) -> str:
    root = {
        "xmlns": _NAMESPACE,
        "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
        "xsi:schemaLocation": f"{_NAMESPACE} {_SCHEMA}",
        "SCHEMAVERSION": _VERSION,
    }
    source = ""
    if document.filename is not None:
        name = xml_text(document.filename)
        source = f"<sourceImageInformation><fileName>{name}</fileName></sourceImageInformation>\n"
    return (
        f"{XML_HEAD}<alto{xml_attributes(root)}>\n<Description>\n"
        f"<MeasurementUnit>pixel</MeasurementUnit>\n{source}"
        f'<Processing ID="{_PROCESSING_ID}">'
        "<processingCategory>contentGeneration</processingCategory><processingSoftware>"
        f"<softwareName>OCR API</softwareName>"
        f"<softwareVersion>{xml_text(document.version)}</softwareVersion>"
        "</processingSoftware></Processing>\n</Description>\n<Layout>\n"
    )


def _page(document: DocumentInfo, page: PageOutcome) -> str:
    if page.result is None:
        return f"<Page{xml_attributes(_unread_page(page))}/>\n"
    text = page.result.text
    size = {"WIDTH": text.width_px, "HEIGHT": text.height_px}
    attributes = {
        "ID": f"page_{page.number}",
        "PHYSICAL_IMG_NR": page.number,
        **size,
        "PC": _confidence(text.confidence),
        "LANG": page_language(document.languages, page.result),
        "PROCESSINGREFS": _PROCESSING_ID,
    }
    space = xml_attributes({"ID": f"space_{page.number}", "HPOS": 0, "VPOS": 0, **size})
    blocks = (
        _block(block, f"{page.number}_{index}", page.result)
        for index, block in enumerate(text.blocks, 1)
    )
    return (
        f"<Page{xml_attributes(attributes)}>\n<PrintSpace{space}>\n"
        f"{''.join(blocks)}</PrintSpace>\n</Page>\n"
    )


def _unread_page(page: PageOutcome) -> Mapping[str, object]:
    """Gives the attributes of an empty page; `QUALITY_DETAIL` says why it is empty."""
    code = "read_error" if page.problem is None else page.problem.code
    return {
        "ID": f"page_{page.number}",
        "PHYSICAL_IMG_NR": page.number,
        "QUALITY_DETAIL": f"{code}: {page.reason}",
        "PROCESSINGREFS": _PROCESSING_ID,
    }


def _block(block: Block, name: str, page: PageResult) -> str:
    directions = {line.direction.value for line in block.lines}
    attributes = {
        "ID": f"block_{name}",
        **_places(block.box, page),
        "BASEDIRECTION": directions.pop() if len(directions) == 1 else None,
    }
    lines = (_line(line, f"{name}_{index}", page) for index, line in enumerate(block.lines, 1))
    return f"<TextBlock{xml_attributes(attributes)}>\n{''.join(lines)}</TextBlock>\n"


def _line(line: Line, name: str, page: PageResult) -> str:
    attributes = {
        "ID": f"line_{name}",
        **_places(line.box, page),
        "BASEDIRECTION": line.direction.value,
    }
    words = line.words or (Word(line.text, line.box, line.confidence),)
    strings = "".join(_strings(line, words, name, page))
    return f"<TextLine{xml_attributes(attributes)}>{strings}</TextLine>\n"


def _strings(line: Line, words: tuple[Word, ...], name: str, page: PageResult) -> Iterator[str]:
    """Yields the words, and the spaces between them where the script has such."""
    spaced = spaces_after(line) or (False,)
    for index, (word, is_spaced) in enumerate(zip(words, spaced, strict=True), 1):
        attributes = {
            "ID": f"string_{name}_{index}",
            **_places(word.box, page),
            "WC": _confidence(word.confidence),
            "CONTENT": word.text,
        }
        yield f"<String{xml_attributes(attributes)}/>"
        if is_spaced:
            yield "<SP/>"


def _places(box: Box, page: PageResult) -> Mapping[str, int]:
    """Gives the part of a box that lies on its page."""
    inside = box.clamp(page.text.width_px, page.text.height_px)
    return {
        "HPOS": inside.left,
        "VPOS": inside.top,
        "WIDTH": inside.width_px,
        "HEIGHT": inside.height_px,
    }


def _confidence(value: float | None) -> str | None:
    return None if value is None else f"{round(value, 4):g}"


def _tail(_document: DocumentInfo) -> str:
    return "</Layout>\n</alto>\n"


ALTO = OutputFormat("alto", "application/alto+xml", "alto.xml", _head, _page, _tail)

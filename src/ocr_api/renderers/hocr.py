"""hOCR 1.2 as well-formed XHTML: https://kba.github.io/hocr-spec/1.2/.

`bbox` and `x_wconf` (0..100) are what the engine gave; baselines are not told, since no engine
gives them. A line without words holds its text itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from ocr_api.jobs import PageResult
from ocr_api.pages import Block, Box, Line, Word
from ocr_api.renderers.document import DocumentInfo, OutputFormat, PageOutcome
from ocr_api.renderers.languages import language_tag, page_language
from ocr_api.renderers.markup import XML_HEAD, xml_attributes, xml_text
from ocr_api.renderers.spacing import spaces_after

_CAPABILITIES = "ocr_page ocr_carea ocr_par ocr_line ocrx_word ocrp_lang ocrp_dir"


def _head(document: DocumentInfo) -> str:
    languages = " ".join(language_tag(code) for code in document.languages)
    meta = {
        "ocr-system": f"OCR API {document.version}",
        "ocr-capabilities": _CAPABILITIES,
        "ocr-number-of-pages": document.rendered_pages,
        "ocr-langs": languages or "unknown",
        "ocr-scripts": "unknown",
    }
    lines = [f"<meta{xml_attributes({'name': key, 'content': meta[key]})}/>\n" for key in meta]
    return (
        f"{XML_HEAD}<!DOCTYPE html>\n"
        '<html xmlns="http://www.w3.org/1999/xhtml">\n<head>\n'
        f'<meta charset="utf-8"/>\n<title>{xml_text(document.filename or "")}</title>\n'
        f"{''.join(lines)}</head>\n<body>\n"
    )


def _page(document: DocumentInfo, page: PageOutcome) -> str:
    if page.result is None:
        return _unread_page(document, page)
    text = page.result.text
    title = [
        *_image(document.filename),
        f"bbox 0 0 {text.width_px} {text.height_px}",
        f"ppageno {page.number - 1}",
    ]
    blocks = (
        _block(block, f"{page.number}_{index}", page.result)
        for index, block in enumerate(text.blocks, 1)
    )
    language = page_language(document.languages, page.result)
    attributes = {"lang": language, "xml:lang": language, "title": "; ".join(title)}
    return _open("div", "ocr_page", f"page_{page.number}", attributes) + _close("div", blocks)


def _unread_page(document: DocumentInfo, page: PageOutcome) -> str:
    """Gives an empty page of no known size, and why in attributes: it holds no recognised text."""
    title = [*_image(document.filename), "bbox 0 0 0 0", f"ppageno {page.number - 1}"]
    attributes = {
        "title": "; ".join(title),
        "data-error": page.reason,
        "data-error-code": "read_error" if page.problem is None else page.problem.code,
    }
    return _open("div", "ocr_page", f"page_{page.number}", attributes) + "</div>\n"


def _image(filename: str | None) -> list[str]:
    """Gives the name of the source in the characters that hOCR allows there, as URLs have it."""
    return [] if not filename else [f'image "{quote(filename)}"']


def _block(block: Block, name: str, page: PageResult) -> str:
    directions = {line.direction for line in block.lines}
    shared = directions.pop() if len(directions) == 1 else None
    bbox = _bbox(block.box, page)
    lines = (_line(line, f"{name}_{index}", page) for index, line in enumerate(block.lines, 1))
    return (
        _open("div", "ocr_carea", f"block_{name}", {"title": bbox})
        + _open("p", "ocr_par", f"par_{name}", {"dir": shared, "title": bbox})
        + _close("p", lines)
        + "</div>\n"
    )


def _line(line: Line, name: str, page: PageResult) -> str:
    start = _open(
        "span",
        "ocr_line",
        f"line_{name}",
        {"dir": line.direction.value, "title": _bbox(line.box, page)},
    ).rstrip("\n")
    if not line.words:
        return f"{start}{xml_text(line.text)}</span>\n"
    words = (
        _word(word, f"{name}_{index}", page) + (" " if is_spaced else "")
        for index, (word, is_spaced) in enumerate(
            zip(line.words, spaces_after(line), strict=True), 1
        )
    )
    return f"{start}{''.join(words)}</span>\n"


def _word(word: Word, name: str, page: PageResult) -> str:
    title = _bbox(word.box, page)
    if word.confidence is not None:
        title += f"; x_wconf {round(word.confidence * 100, 2):g}"
    attributes = xml_attributes({"class": "ocrx_word", "id": f"word_{name}", "title": title})
    return f"<span{attributes}>{xml_text(word.text)}</span>"


def _bbox(box: Box, page: PageResult) -> str:
    """Gives the part of a box that lies on its page: hOCR knows no negative places."""
    inside = box.clamp(page.text.width_px, page.text.height_px)
    return f"bbox {inside.left} {inside.top} {inside.right} {inside.bottom}"


def _open(tag: str, kind: str, identifier: str, attributes: Mapping[str, str | None]) -> str:
    return f"<{tag}{xml_attributes({'class': kind, 'id': identifier, **attributes})}>\n"


def _close(tag: str, children: Iterable[str]) -> str:
    return "".join(children) + f"</{tag}>\n"


def _tail(_document: DocumentInfo) -> str:
    return "</body>\n</html>\n"


HOCR = OutputFormat("hocr", "text/vnd.hocr+html", "hocr", _head, _page, _tail)

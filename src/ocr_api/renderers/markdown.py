"""Markdown (CommonMark): the model's own markup, or plain text escaped so that it shows as printed.

Pages of several are parted by a thematic break and begin with a comment that names the page.
"""

from __future__ import annotations

import re

from ocr_api.pages import PageText
from ocr_api.renderers.document import DocumentInfo, OutputFormat, PageOutcome

_ANYWHERE = re.compile(r"[\\`*_\[\]<>&~|$]")
_AT_START = re.compile(r"^(?:([#+=:-])|(\d{1,9})([.)]))")
"""Would begin a heading, a list, a rule or a table's head (CommonMark 0.31, sections 4 and 5)."""
_HARD_BREAK = "  \n"
_WHITE_SPACE = re.compile(r"\s+")


def markdown_line(text: str) -> str:
    """Gives Markdown that shows one line of plain text as it is."""
    flat = _WHITE_SPACE.sub(" ", text).strip()
    return _AT_START.sub(_escaped_start, _ANYWHERE.sub(r"\\\g<0>", flat))


def _escaped_start(found: re.Match[str]) -> str:
    mark, number, stop = found.groups()
    return f"\\{mark}" if mark else f"{number}\\{stop}"


def _head(_document: DocumentInfo) -> str:
    return ""


def _page(document: DocumentInfo, page: PageOutcome) -> str:
    body = _unread(page.reason) if page.result is None else _body(page.result.text)
    if not document.has_page_heads:
        return body
    gap = "" if page.is_first else "\n---\n\n"
    return f"{gap}<!-- Page {page.number} of {document.total_pages} -->\n\n{body}"


def _unread(reason: str) -> str:
    return f"*{markdown_line(reason)}*\n"


def _body(text: PageText) -> str:
    if text.formatted_text is not None:
        return text.formatted_text.rstrip("\n") + "\n"
    blocks = (_HARD_BREAK.join(_lines(block.text)) for block in text.blocks)
    return "\n\n".join(block for block in blocks if block) + "\n"


def _lines(text: str) -> list[str]:
    lines = (markdown_line(line) for line in text.split("\n"))
    return [line for line in lines if line]


def _tail(_document: DocumentInfo) -> str:
    return ""


MARKDOWN = OutputFormat("markdown", "text/markdown", "md", _head, _page, _tail)

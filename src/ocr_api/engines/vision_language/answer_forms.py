"""How answers are turned into pages, by name; catalog entries choose one. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ocr_api.engines.vision_language.grounding import grounded_page, plain_of
from ocr_api.engines.vision_language.latex import text_of_latex
from ocr_api.engines.vision_language.markup import markdown_of_html, text_of_html
from ocr_api.engines.vision_language.plain_page import plain_page
from ocr_api.pages import PageImage, PageText

AnswerForm = Callable[[str, PageImage], PageText]

_LOCATION = re.compile(r"<loc_\d{1,4}>")
_DOCTAG = re.compile(r"</?(?:doctag|[a-z_]+\d?)>")
_CELL = re.compile(r"<(?:fcel|ecel|lcel|ucel|xcel|ched|rhed|srow)>")
_ROW = re.compile(r"<nl>")


def text_page(answer: str, page: PageImage) -> PageText:
    """Takes an answer as plain text."""
    return plain_page(answer, page)


def html_page(answer: str, page: PageImage) -> PageText:
    """Takes an answer as text with tags of HTML."""
    return plain_page(text_of_html(answer), page, formatted_text=markdown_of_html(answer))


def markdown_page(answer: str, page: PageImage) -> PageText:
    """Takes an answer as Markdown, with tables in HTML or Markdown."""
    return plain_page(plain_of(answer), page, formatted_text=answer.strip())


def latex_page(answer: str, page: PageImage) -> PageText:
    """Takes an answer as text with LaTeX, which is kept as given beside the words."""
    return plain_page(text_of_latex(answer), page, formatted_text=answer.strip())


def doctags_page(answer: str, page: PageImage) -> PageText:
    """Takes an answer as DocTags (docling): the words only, an element a line."""
    rows = _ROW.sub("\n", _CELL.sub("\t", _LOCATION.sub("", answer)))
    lines = (line.strip("\t ") for line in _DOCTAG.sub("\n", rows).split("\n"))
    return plain_page("\n".join(line for line in lines if line), page)


FORMS: Mapping[str, AnswerForm] = {
    "text": text_page,
    "html": html_page,
    "markdown": markdown_page,
    "latex": latex_page,
    "grounding": grounded_page,
    "doctags": doctags_page,
}
"""What the setting `answer` may name."""

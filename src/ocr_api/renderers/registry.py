"""The formats that are offered, and the way through one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ocr_api.renderers.alto import ALTO
from ocr_api.renderers.document import DocumentInfo, OutputFormat, PageOutcome
from ocr_api.renderers.hocr import HOCR
from ocr_api.renderers.json_document import JSON
from ocr_api.renderers.markdown import MARKDOWN
from ocr_api.renderers.text import TEXT

FORMATS: Mapping[str, OutputFormat] = {
    form.name: form for form in (TEXT, MARKDOWN, JSON, HOCR, ALTO)
}
"""By name; the first one is the default."""

NOT_OFFERED: Mapping[str, str] = {"pdf": "this version writes no PDF"}
"""Formats of later versions, and why they are refused now."""


def render(
    form: OutputFormat, document: DocumentInfo, pages: Iterable[PageOutcome]
) -> Iterator[str]:
    """Yields a document piece by piece; a page is taken from `pages` only when it is due."""
    yield form.head(document)
    for page in pages:
        yield form.page(document, page)
    yield form.tail(document)

"""What was read → text, Markdown, JSON, hOCR, ALTO: pure strings, one file a format.

A document is rendered as a head, one string a page and a tail, so that nobody has to hold more
than one page of it. What formats share stands in `document`, `markup`, `languages`, `spacing`.
"""

from ocr_api.renderers.document import DocumentInfo, OutputFormat, PageOutcome
from ocr_api.renderers.registry import FORMATS, NOT_OFFERED, render

__all__ = ["FORMATS", "NOT_OFFERED", "DocumentInfo", "OutputFormat", "PageOutcome", "render"]

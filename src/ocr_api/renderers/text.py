"""Plain text: pages of several are headed by `=== Page i of N ===`."""

from __future__ import annotations

from ocr_api.renderers.document import DocumentInfo, OutputFormat, PageOutcome


def _head(_document: DocumentInfo) -> str:
    return ""


def _page(document: DocumentInfo, page: PageOutcome) -> str:
    body = f"[{page.reason}]" if page.result is None else page.result.text.text
    if not document.has_page_heads:
        return f"{body}\n"
    gap = "" if page.is_first else "\n"
    return f"{gap}=== Page {page.number} of {document.total_pages} ===\n{body}\n"


def _tail(_document: DocumentInfo) -> str:
    return ""


TEXT = OutputFormat("text", "text/plain", "txt", _head, _page, _tail)

"""JSON after the schema that `/schemas/result.json` serves; one page a line."""

from __future__ import annotations

import json

from ocr_api.renderers.document import DocumentInfo, OutputFormat, PageOutcome
from ocr_api.wire.document import RESULT_SCHEMA_VERSION, document_page, unread_page


def _head(document: DocumentInfo) -> str:
    members = {
        "schema_version": RESULT_SCHEMA_VERSION,
        "job_id": document.job_id,
        "filename": document.filename,
        "total_pages": document.total_pages,
    }
    return json.dumps(members, ensure_ascii=False)[:-1] + ', "pages": ['


def _page(_document: DocumentInfo, page: PageOutcome) -> str:
    if page.result is None:
        view = unread_page(page.number, page.problem)
    else:
        view = document_page(page.result)
    return ("\n" if page.is_first else ",\n") + view.model_dump_json()


def _tail(_document: DocumentInfo) -> str:
    return "\n]}\n"


JSON = OutputFormat("json", "application/json", "json", _head, _page, _tail)

"""A whole result as one JSON document, page by page: `GET /ocr/{id}/result?format=json`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ocr_api.jobs import PageResult, Problem
from ocr_api.wire.base import WireModel
from ocr_api.wire.problem import ProblemView, problem_view
from ocr_api.wire.result import (
    BlockView,
    Confidence,
    PageMetadata,
    page_metadata,
    page_view,
)

RESULT_SCHEMA_VERSION = 1
"""Grows when a member is removed or changes its meaning; a new member only changes the schema."""

RESULT_SCHEMA_ID = "urn:ocr-api:result:1"


class DocumentPage(WireModel):
    """A page that was read, or that could not be read."""

    page_number: int = Field(ge=1)
    status: Literal["completed", "failed"]
    text: str | None = Field(default=None, description="null where the page could not be read.")
    formatted_text: str | None = Field(
        default=None, description="Markdown where the model gives it, else `text`."
    )
    confidence: Confidence = Field(
        default=None, ge=0, le=1, description="0..1; null where the model gives none."
    )
    metadata: PageMetadata | None = None
    blocks: list[BlockView] = Field(
        default_factory=list[BlockView],
        description="In reading order; boxes are pixels of the upright page.",
    )
    raw_text: str | None = Field(
        default=None, description="A generating model's answer as it came; null for other models."
    )
    error: str | None = Field(default=None, description="Why it could not be read, for people.")
    error_detail: ProblemView | None = Field(default=None, description="Why, for programs.")


class ResultDocument(WireModel):
    """What was read in a whole document."""

    schema_version: Literal[1]
    job_id: str | None
    filename: str | None
    total_pages: int = Field(ge=1)
    pages: list[DocumentPage] = Field(description="In order; those that could not be read too.")


def result_schema() -> dict[str, object]:
    """Gives the JSON Schema (2020-12) of a result."""
    schema = ResultDocument.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": RESULT_SCHEMA_ID,
        **schema,
    }


def document_page(page: PageResult) -> DocumentPage:
    """Gives a page that was read."""
    view, metadata = page_view(page), page_metadata(page)
    return DocumentPage(
        page_number=page.page_number,
        status="completed",
        text=view.text,
        formatted_text=view.formatted_text,
        confidence=metadata.confidence,
        metadata=metadata,
        blocks=view.blocks,
        raw_text=view.raw_text,
    )


def unread_page(number: int, problem: Problem | None) -> DocumentPage:
    """Gives a page that could not be read."""
    return DocumentPage(
        page_number=number,
        status="failed",
        error="The page could not be read." if problem is None else problem.detail,
        error_detail=None if problem is None else problem_view(problem),
    )

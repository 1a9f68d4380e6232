"""One page of a job, as `GET /ocr/{id}/pages/{n}` tells it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ocr_api.jobs import PageRecord, PageResult
from ocr_api.wire.base import WireModel
from ocr_api.wire.problem import ProblemView, problem_view
from ocr_api.wire.result import (
    BlockView,
    Confidence,
    PageMetadata,
    page_metadata,
    page_view,
)


class SinglePage(WireModel):
    """A page that was read, or that could not be read."""

    job_id: str
    page_number: int = Field(ge=1)
    status: Literal["completed", "failed"]
    text: str | None = None
    formatted_text: str | None = None
    confidence: Confidence = None
    metadata: PageMetadata | None = None
    blocks: list[BlockView] = Field(default_factory=list[BlockView])
    raw_text: str | None = Field(
        default=None, description="A generating model's answer as it came; null for other models."
    )
    error: str | None = None
    error_detail: ProblemView | None = None


def single_page(job_id: str, page: PageResult) -> SinglePage:
    """Gives a page that was read."""
    view, metadata = page_view(page), page_metadata(page)
    return SinglePage(
        job_id=job_id,
        page_number=page.page_number,
        status="completed",
        text=view.text,
        formatted_text=view.formatted_text,
        confidence=metadata.confidence,
        metadata=metadata,
        blocks=view.blocks,
        raw_text=view.raw_text,
    )


def page_failure(job_id: str, record: PageRecord) -> SinglePage:
    """Gives a page that could not be read."""
    problem = record.problem
    return SinglePage(
        job_id=job_id,
        page_number=record.number,
        status="failed",
        error="The page could not be read." if problem is None else problem.detail,
        error_detail=None if problem is None else problem_view(problem),
    )

"""What renderers get, and what a format is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ocr_api.jobs import PageResult, Problem


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """What is known of a document before its first page is rendered.

    Attributes:
        total_pages: Pages of the whole document.
        rendered_pages: How many of them are rendered, at least 1.
        job_id: None = read without a job.
        filename: For display; None = not given.
        languages: ISO 639 codes that the caller named; empty = none.
        version: Of this service.
        is_page_alone: One page of the document was asked for by itself.
    """

    total_pages: int
    rendered_pages: int
    job_id: str | None = None
    filename: str | None = None
    languages: tuple[str, ...] = ()
    version: str = "0"
    is_page_alone: bool = False

    @property
    def has_page_heads(self) -> bool:
        """Pages need heads that tell one from another."""
        return self.total_pages > 1 and not self.is_page_alone


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """A page that was read, or that could not be read.

    Attributes:
        number: From 1.
        result: None = the page could not be read.
        problem: Why it could not be read.
        is_first: No other page was rendered before this one.
    """

    number: int
    result: PageResult | None = None
    problem: Problem | None = None
    is_first: bool = True

    @property
    def reason(self) -> str:
        """Why the page could not be read, a sentence for people."""
        return "The page could not be read." if self.problem is None else self.problem.detail


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A form in which results are given: head, pages in order, tail, one string after another.

    Attributes:
        name: As callers name it.
        media_type: Without parameters.
        suffix: Of files, without a dot.
        head: What stands before the first page.
        page: One page.
        tail: What stands after the last page.
    """

    name: str
    media_type: str
    suffix: str
    head: Callable[[DocumentInfo], str]
    page: Callable[[DocumentInfo, PageOutcome], str]
    tail: Callable[[DocumentInfo], str]

    @property
    def content_type(self) -> str:
        """The media type as a header says it; JSON is UTF-8 by definition (RFC 8259)."""
        if self.media_type == "application/json":
            return self.media_type
        return f"{self.media_type}; charset=utf-8"

"""The steps of reading a document, each done by a child: open, render, inspect, read."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TypeVar

from ocr_api.errors import (
    ChildDiedError,
    DocumentCrashError,
    DocumentLimitError,
    EngineError,
    OcrApiError,
    PageTimeoutError,
)
from ocr_api.jobs import JobOptions, MediaType
from ocr_api.messages import (
    DocumentOpened,
    Failed,
    ImageHeader,
    InspectPage,
    Message,
    OpenDocument,
    PageInspected,
    PageRendered,
    RenderPage,
)
from ocr_api.pages import PageTraits
from ocr_api.worker.child_pool import ChildPool
from ocr_api.worker.child_process import Files

_FILES_FAULT = frozenset(
    -number for number in (signal.SIGABRT, signal.SIGTRAP, signal.SIGSEGV, signal.SIGBUS)
)
"""Exit statuses of a decoder that ran out of memory: PDFium aborts instead of raising."""

_ANY_NUMBER = 1_000_000

Expected = TypeVar("Expected", DocumentOpened, PageRendered, PageInspected)


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Bounds of opening a document and decoding its pages.

    Attributes:
        max_pages: A job of more pages is refused.
        max_pixels: A page of more pixels is refused.
        timeout_s: Seconds until the document child is killed.
    """

    max_pages: int
    max_pixels: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class PageSource:
    """Where a page comes from.

    Attributes:
        descriptor: The document, readable; closed by its owner.
        media_type: As the first bytes said.
        page_number: From 1.
        options: What the caller chose.
        attempt: Which try at this page this is, from 1.
        document: Names the document, so that a child can keep it open; empty = it does not.
        password: Opens an encrypted document; never logged.
        left_s: Seconds that the page may still take; None = as the reader's plan says.
        route_reason: Why `auto` chose the model that is to read it; empty = it did not.
    """

    descriptor: int
    media_type: MediaType
    page_number: int = 1
    options: JobOptions = field(default_factory=JobOptions)
    attempt: int = 1
    document: str = ""
    password: str | None = field(default=None, repr=False)
    left_s: float | None = None
    route_reason: str = ""


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """A decoded page: its header, and the descriptor of its pixels, closed by the caller."""

    image: ImageHeader
    files: Files
    warnings: tuple[str, ...]


async def open_document(
    pool: ChildPool, source: PageSource, limits: DocumentLimits
) -> DocumentOpened:
    """Has the document child open a document and count its pages.

    Raises:
        DocumentError: The file is at fault; retrying helps only after `DocumentCrashError`.
        ChildDiedError: A document child could not be started.
    """
    # Where pages are chosen, the limit holds for these: see `choose_pages`.
    most = limits.max_pages if source.options.pages is None else _ANY_NUMBER
    request = OpenDocument(source.media_type, most, source.document, source.password)
    answer, files = await _ask_document_child(pool, source, request, limits.timeout_s)
    files.close()
    return _expect(answer, DocumentOpened)


async def render_page(pool: ChildPool, source: PageSource, limits: DocumentLimits) -> RenderedPage:
    """Has the document child decode one page.

    Raises:
        DocumentError: The file is at fault; retrying helps only after `DocumentCrashError`.
        ChildDiedError: A document child could not be started.
    """
    request = RenderPage(
        source.media_type,
        source.page_number,
        limits.max_pixels,
        source.options.dpi,
        source.document,
        source.password,
    )
    answer, files = await _ask_document_child(pool, source, request, limits.timeout_s)
    rendered = _expect(answer, PageRendered)
    return RenderedPage(rendered.image, files, rendered.warnings)


async def inspect_page(
    pool: ChildPool, page: RenderedPage, languages: tuple[str, ...], timeout_s: float
) -> PageTraits:
    """Has a page looked at: upright? level? which scripts? `languages`: that the caller named.

    Raises:
        PageTimeoutError: It took too long.
        ChildDiedError: The child ended.
    """
    async with pool.borrow() as child:
        try:
            answer, files = await child.request(
                InspectPage(page.image, languages), page.files.descriptors, timeout_s=timeout_s
            )
        except TimeoutError as exc:
            raise _too_slow(timeout_s) from exc
    files.close()
    return _expect(answer, PageInspected).traits


async def _ask_document_child(
    pool: ChildPool, source: PageSource, request: OpenDocument | RenderPage, timeout_s: float
) -> tuple[Message, Files]:
    async with pool.borrow(source.document) as child:
        try:
            return await child.request(request, [source.descriptor], timeout_s=timeout_s)
        except TimeoutError as exc:
            what = "document" if isinstance(request, OpenDocument) else "page"
            msg = f"The {what} could not be decoded within {timeout_s:g} s; it was given up."
            raise DocumentLimitError(msg, limit=timeout_s) from exc
        except ChildDiedError as exc:
            raise _document_death(exc) from exc


def _document_death(death: ChildDiedError) -> OcrApiError:
    """Tells a file that ran into a limit from a child that something else killed."""
    advice = "Save the file anew with another program."
    match death.facts.get("exit_status"):
        case status if status == -signal.SIGXCPU:
            return DocumentLimitError(f"Decoding the file took too much CPU time. {advice}")
        case status if status in _FILES_FAULT:
            return DocumentLimitError(f"Decoding the file needed too much memory. {advice}")
        case _:
            return DocumentCrashError(f"Decoding the file ended abnormally. {advice}")


def _too_slow(timeout_s: float) -> OcrApiError:
    msg = (
        "The page took longer than JOB_TIMEOUT allows, its earlier attempts included; "
        f"it was stopped after {timeout_s:.3g} s."
    )
    return PageTimeoutError(msg, limit=timeout_s)


def _expect(answer: Message, kind: type[Expected]) -> Expected:
    if isinstance(answer, kind):
        return answer
    if isinstance(answer, Failed):
        raise answer.to_error()
    msg = f"A child answered '{answer.kind}' where '{kind.__name__}' was expected."
    raise EngineError(msg)

"""What the document child is asked and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ocr_api.jobs import MediaType
from ocr_api.messages.image import ImageHeader


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """Open a document and count its pages; its descriptor travels beside it.

    Attributes:
        media_type: As the first bytes said; no other decoder is tried.
        max_pages: A document of more pages is refused.
        document: Names the document, so that it can be kept open for its pages; empty = it is
            closed again at once.
        password: Of an encrypted document; never part of the message's `repr`.
    """

    media_type: MediaType
    max_pages: int
    document: str = ""
    password: str | None = field(default=None, repr=False)
    kind: Literal["open_document"] = "open_document"


@dataclass(frozen=True, slots=True)
class DocumentOpened:
    """What opening showed.

    Attributes:
        pages_total: Pages of the document, from 1.
        warnings: Sentences for people, e.g. that only a file's first picture is read.
    """

    pages_total: int
    warnings: tuple[str, ...] = ()
    kind: Literal["document_opened"] = "document_opened"


@dataclass(frozen=True, slots=True)
class RenderPage:
    """Decode one page; the document's descriptor travels beside it.

    Attributes:
        media_type: As the first bytes said; no other decoder is tried.
        page_number: From 1.
        max_pixels: A page of more pixels is refused before it is decoded.
        dpi: Resolution for vector pages; None = chosen by the page's size.
        document: As in `OpenDocument`; where that document is still open it is used.
        password: As in `OpenDocument`.
    """

    media_type: MediaType
    page_number: int
    max_pixels: int
    dpi: int | None = None
    document: str = ""
    password: str | None = field(default=None, repr=False)
    kind: Literal["render_page"] = "render_page"


@dataclass(frozen=True, slots=True)
class PageRendered:
    """The page; the descriptor of its pixels travels beside it.

    Attributes:
        image: What the pixels are.
        warnings: Sentences for people about this page.
    """

    image: ImageHeader
    warnings: tuple[str, ...] = ()
    kind: Literal["page_rendered"] = "page_rendered"

"""What the document child is asked and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ocr_api.jobs import MediaType
from ocr_api.messages.image import ImageHeader


@dataclass(frozen=True, slots=True)
class RenderPage:
    """Decode one page; the document's descriptor travels beside it.

    Attributes:
        media_type: As the first bytes said; no other decoder is tried.
        page_number: From 1.
        max_pages: A document of more pages is refused.
        max_pixels: A page of more pixels is refused before it is decoded.
        dpi: Resolution for vector pages; None = chosen by the page's size.
    """

    media_type: MediaType
    page_number: int
    max_pages: int
    max_pixels: int
    dpi: int | None = None
    kind: Literal["render_page"] = "render_page"


@dataclass(frozen=True, slots=True)
class PageRendered:
    """The page; the descriptor of its pixels travels beside it.

    Attributes:
        image: What the pixels are.
        pages_total: Pages of the document.
        warnings: Sentences for people, e.g. that only a file's first picture was taken.
    """

    image: ImageHeader
    pages_total: int
    warnings: tuple[str, ...] = ()
    kind: Literal["page_rendered"] = "page_rendered"

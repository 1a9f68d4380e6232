"""What decoding a page gives."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_api.pages import PageImage


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """One page of a document.

    Attributes:
        page: Its pixels; dark text on a light ground.
        pages_total: Pages of the document, from 1.
        warnings: Sentences for people about what was assumed or left out.
    """

    page: PageImage
    pages_total: int
    warnings: tuple[str, ...] = ()

"""Which pages of a document a job reads. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_api.errors import NoSuchPagesError, TooManyPagesError
from ocr_api.jobs import PageRanges


@dataclass(frozen=True, slots=True)
class ChosenPages:
    """The pages to read, at least one, and sentences for people."""

    pages: PageRanges
    warnings: tuple[str, ...] = ()


def choose_pages(asked: PageRanges | None, pages_total: int, max_pages: int) -> ChosenPages:
    """Gives the pages of a document that are to be read.

    Args:
        asked: The caller's choice; None = all.
        pages_total: Pages of the document, at least 1.
        max_pages: Most pages that one job may read.

    Raises:
        NoSuchPagesError: The document has none of the pages asked for.
        TooManyPagesError: More pages than allowed are to be read.
    """
    pages = (asked or PageRanges.of([(1, pages_total)])).within(pages_total)
    if not pages.count:
        msg = f"The document has {pages_total} pages and none of those asked for ({asked})."
        raise NoSuchPagesError(msg, pages_total=pages_total, pages=str(asked))
    if pages.count > max_pages:
        msg = f"{pages.count} pages are to be read; {max_pages} are allowed. Choose fewer."
        raise TooManyPagesError(msg, pages_total=pages_total, max_pages=max_pages)
    if asked is None or asked == pages:
        return ChosenPages(pages)
    warning = f"The document has {pages_total} pages; of those asked for ({asked}), {pages} exist."
    return ChosenPages(pages, (warning,))

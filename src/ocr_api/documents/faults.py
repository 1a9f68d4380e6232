"""Turns whatever a decoder raises into one of our errors, and checks the declared sizes."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Generator
from contextlib import contextmanager

from ocr_api.errors import (
    DamagedDocumentError,
    DocumentLimitError,
    OcrApiError,
    TooManyPagesError,
    TooManyPixelsError,
)
from ocr_api.jobs import MediaType

_NO_MEMORY = frozenset({errno.ENOMEM, errno.EFBIG, errno.EMFILE})


@contextmanager
def decoder_faults(media_type: MediaType) -> Generator[None]:
    """Runs foreign decoders: their warnings are silenced, their exceptions become ours.

    Decoders raise any class at all on a damaged file (ValueError, KeyError, struct.error,
    RecursionError, …), so every exception that is not ours counts as damage. Its text may quote
    the file or name paths: it is kept as the cause for the log and never shown.

    Raises:
        DocumentLimitError: Memory ran out.
        DamagedDocumentError: Anything else went wrong.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except OcrApiError:
        raise
    except MemoryError as exc:
        raise memory_exceeded() from exc
    except OSError as exc:
        if exc.errno in _NO_MEMORY:
            raise memory_exceeded() from exc
        raise damaged(media_type) from exc
    except Exception as exc:
        raise damaged(media_type) from exc


def memory_exceeded() -> DocumentLimitError:
    """Gives the error for a document that does not fit into the memory of the decoder."""
    return DocumentLimitError(
        "The page needs more memory than a document may use while it is decoded. "
        "Send it with fewer pixels or at a lower resolution."
    )


def damaged(media_type: MediaType) -> DamagedDocumentError:
    """Gives the error for a file that its decoder could not read to the end."""
    name = media_type.name
    return DamagedDocumentError(
        f"The {name} file is damaged or was cut off. "
        f"Open it in a viewer, save it again and send the new file.",
        media_type=str(media_type),
    )


def check_pixels(width_px: int, height_px: int, max_pixels: int) -> None:
    """Refuses a page by its declared size, before a byte of it is decoded.

    Raises:
        TooManyPixelsError: It has more pixels than allowed.
    """
    if width_px * height_px > max_pixels:
        msg = (
            f"The page has {width_px} x {height_px} pixels, more than the {max_pixels} allowed. "
            "Send it at a lower resolution or cut into parts."
        )
        raise TooManyPixelsError(msg, width_px=width_px, height_px=height_px, max_pixels=max_pixels)


def check_page_count(pages_total: int, max_pages: int | None) -> None:
    """Refuses a document of no page, or of more than allowed (None = any number).

    Raises:
        DamagedDocumentError: It has no page.
        TooManyPagesError: It has more pages than allowed.
    """
    if pages_total < 1:
        check_page(pages_total, 1)
    if max_pages is not None and pages_total > max_pages:
        allowed = "one page" if max_pages == 1 else f"{max_pages} pages"
        msg = (
            f"The document has {pages_total} pages; {allowed} can be read. "
            "Split it, or choose pages with the option `pages`."
        )
        raise TooManyPagesError(msg, pages_total=pages_total, max_pages=max_pages)


def check_page(pages_total: int, number: int) -> None:
    """Refuses a page that the document does not have.

    Raises:
        DamagedDocumentError: It has fewer pages than asked for, or none.
    """
    if not 1 <= number <= pages_total:
        msg = (
            f"The document has no page {number}; it has {pages_total}. "
            "Open it in a viewer, save it again and send the new file."
        )
        raise DamagedDocumentError(msg, pages_total=pages_total)

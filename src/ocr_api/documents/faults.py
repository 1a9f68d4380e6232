"""Turns whatever a decoder raises into one of our errors, and checks the declared sizes."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Generator
from contextlib import contextmanager

from ocr_api.errors import (
    DamagedDocumentError,
    DocumentLimitError,
    MultiPageUnsupportedError,
    OcrApiError,
    TooManyPixelsError,
)
from ocr_api.jobs import MediaType
from ocr_api.messages import RenderPage

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


def check_page(pages_total: int, request: RenderPage) -> None:
    """Refuses a document of too many pages, or a page that it does not have.

    Raises:
        MultiPageUnsupportedError: It has more pages than allowed.
        DamagedDocumentError: It has fewer pages than asked for, or none.
    """
    if pages_total > request.max_pages:
        allowed = "one page" if request.max_pages == 1 else f"{request.max_pages} pages"
        msg = (
            f"The document has {pages_total} pages; {allowed} can be read. "
            "Split it and send the parts."
        )
        raise MultiPageUnsupportedError(msg, pages_total=pages_total, max_pages=request.max_pages)
    if not 1 <= request.page_number <= pages_total:
        msg = (
            f"The document has no page {request.page_number}; it has {pages_total}. "
            "Open it in a viewer, save it again and send the new file."
        )
        raise DamagedDocumentError(msg, pages_total=pages_total)

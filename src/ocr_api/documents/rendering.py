"""The story of a document: open it by the decoder its type names, then give page after page."""

from __future__ import annotations

from types import TracebackType
from typing import BinaryIO, Self

from ocr_api.documents.faults import check_page, check_page_count, decoder_faults
from ocr_api.documents.images import IMAGE_TYPES, open_picture
from ocr_api.documents.pdf import open_pdf
from ocr_api.documents.rendered import Document, RenderedPage
from ocr_api.errors import EmptyUploadError, UnsupportedTypeError
from ocr_api.jobs import MediaType
from ocr_api.messages import RenderPage

__all__ = ["READABLE_TYPES", "OpenedDocument", "RenderedPage", "open_document"]

READABLE_TYPES = frozenset({*IMAGE_TYPES, MediaType.PDF})
"""What can be decoded. HEIC is not in it: every decoder that a package brings is copyleft."""


class OpenedDocument:
    """A document whose pages are counted; holds the file's bytes in memory until it is closed."""

    def __init__(self, document: Document, media_type: MediaType) -> None:
        self._document = document
        self._media_type = media_type
        self.pages_total = document.pages_total
        self.warnings = document.warnings

    def render(self, request: RenderPage) -> RenderedPage:
        """Decodes one page. Blocking; foreign code on untrusted bytes.

        Raises:
            DocumentError: The page is damaged, too large, or there is none of that number.
        """
        with decoder_faults(self._media_type):
            check_page(self.pages_total, request.page_number)
            return self._document.render(request)

    def close(self) -> None:
        """Gives its memory back."""
        self._document.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_document(
    source: BinaryIO,
    media_type: MediaType,
    *,
    max_pages: int | None = None,
    password: str | None = None,
) -> OpenedDocument:
    """Opens a document and counts its pages. Blocking; foreign code on untrusted bytes.

    Args:
        source: The document, seekable; read from its start whatever its position. Not closed.
        media_type: Names the decoder.
        max_pages: A document of more pages is refused; None = its pages were counted before.
        password: Opens an encrypted PDF; no other type takes one.

    Raises:
        UnsupportedTypeError: The type is not in `READABLE_TYPES`.
        EmptyUploadError: There are no bytes.
        DocumentError: The document is damaged, locked, has no or too many pages.
    """
    if media_type not in READABLE_TYPES:
        msg = (
            f"{media_type} files cannot be read here. "
            "Convert the file to JPEG, PNG or PDF and send that."
        )
        raise UnsupportedTypeError(msg, media_type=str(media_type))
    with decoder_faults(media_type):
        source.seek(0)
        data = source.read()
        if not data:
            msg = "The file has no bytes. Send the file again."
            raise EmptyUploadError(msg)
        document = _opened(data, media_type, password)
        check_page_count(document.pages_total, max_pages)
        return OpenedDocument(document, media_type)


def _opened(data: bytes, media_type: MediaType, password: str | None) -> Document:
    if media_type is MediaType.PDF:
        return open_pdf(data, password)
    return open_picture(data, media_type)

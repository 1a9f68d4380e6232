"""The story of a document: read it, take the decoder its type names, give one page."""

from __future__ import annotations

from typing import BinaryIO

from ocr_api.documents.faults import decoder_faults
from ocr_api.documents.images import IMAGE_TYPES, render_image_page
from ocr_api.documents.pdf import render_pdf_page
from ocr_api.documents.rendered import RenderedPage
from ocr_api.errors import EmptyUploadError, UnsupportedTypeError
from ocr_api.jobs import MediaType
from ocr_api.messages import RenderPage

__all__ = ["READABLE_TYPES", "RenderedPage", "render_page"]

READABLE_TYPES = frozenset({*IMAGE_TYPES, MediaType.PDF})
"""What can be decoded. HEIC is not in it: every decoder that a package brings is copyleft."""


def render_page(source: BinaryIO, request: RenderPage) -> RenderedPage:
    """Decodes one page of a document. Blocking; foreign code on untrusted bytes.

    Args:
        source: The document, seekable; read from its start whatever its position. Not closed.
        request: Which page, by which decoder, within which limits.

    Raises:
        UnsupportedTypeError: The type is not in `READABLE_TYPES`.
        EmptyUploadError: There are no bytes.
        DocumentError: The document is damaged, locked, too large or has too many pages.
    """
    if request.media_type not in READABLE_TYPES:
        msg = (
            f"{request.media_type} files cannot be read here. "
            "Convert the file to JPEG, PNG or PDF and send that."
        )
        raise UnsupportedTypeError(msg, media_type=str(request.media_type))
    with decoder_faults(request.media_type):
        source.seek(0)
        data = source.read()
        if not data:
            msg = "The file has no bytes. Send the file again."
            raise EmptyUploadError(msg)
        if request.media_type is MediaType.PDF:
            return render_pdf_page(data, request)
        return render_image_page(data, request)

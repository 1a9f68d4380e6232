"""Errors of a file that was accepted and cannot be decoded."""

from __future__ import annotations

from ocr_api.errors.base import OcrApiError


class DocumentError(OcrApiError):
    """The file was accepted, but decoding showed a fault."""

    code = "document_error"


class DamagedDocumentError(DocumentError):
    """The file is truncated or corrupt."""

    code = "document_damaged"


class EncryptedDocumentError(DocumentError):
    """The file needs a password, or another one than was sent."""

    code = "document_encrypted"


class TooManyPixelsError(DocumentError):
    """A page is larger than allowed."""

    code = "too_many_pixels"


class TooManyPagesError(DocumentError):
    """More pages are to be read than allowed."""

    code = "too_many_pages"


class NoSuchPagesError(DocumentError):
    """The document has none of the pages asked for."""

    code = "no_such_pages"


class DocumentLimitError(DocumentError):
    """Decoding ran into its memory, CPU or time limit."""

    code = "document_limit_exceeded"


class DocumentCrashError(DocumentError):
    """The document child died on the file: most likely the file's fault, but worth another try."""

    code = "document_crashed"
    retryable = True

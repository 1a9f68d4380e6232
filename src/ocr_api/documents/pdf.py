"""PDF files → pages, by PDFium."""

# The binding carries no types:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportArgumentType=false

from __future__ import annotations

import math
from contextlib import closing
from itertools import islice

import pypdfium2  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]
from PIL import Image

from ocr_api.documents.faults import damaged
from ocr_api.documents.normalise import normalise
from ocr_api.documents.rendered import Document, RenderedPage
from ocr_api.documents.resolution import (
    POINTS_PER_INCH,
    VECTOR_DPI,
    RenderSize,
    fit_dpi,
    native_dpi,
)
from ocr_api.errors import EncryptedDocumentError
from ocr_api.jobs import MediaType
from ocr_api.messages import RenderPage

_LOCKED = frozenset({pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY})
_SCAN_COVER = 0.8
_MAX_OBJECTS = 1000
_PAGES_AN_OPENING = 50
_ROUNDING_GUARD = 1 - 1e-5
"""PDFium rounds sides up: 2480.00005 would become 2481, and a scan would be resampled for it."""


def open_pdf(data: bytes, password: str | None) -> Document:
    """Opens a PDF file.

    Raises:
        DocumentError: Locked or damaged.
        Exception: Whatever PDFium's binding raises; the caller turns it into ours.
    """
    return _PdfFile(data, password)


class _PdfFile:
    """An open PDF file; opened anew now and then, since PDFium keeps what pages have in common."""

    warnings: tuple[str, ...] = ()

    def __init__(self, data: bytes, password: str | None) -> None:
        self._data = data
        self._password = password
        self._document = _opened(data, password)
        self._rendered = 0
        self.pages_total = len(self._document)

    def render(self, request: RenderPage) -> RenderedPage:
        """Renders one page as a viewer shows it: crop box, rotation, annotations, form fields."""
        self._rendered += 1
        if self._rendered % _PAGES_AN_OPENING == 0:
            self._document.close()
            self._document = _opened(self._data, self._password)
        with closing(self._document[request.page_number - 1]) as page:
            size = _render_size(page, request)
            picture = _rendered(page, size)
        normal, changed = normalise(picture)
        return RenderedPage(normal, _lowered_warning(size) + changed)

    def close(self) -> None:
        self._document.close()
        self._data = b""


def _opened(data: bytes, password: str | None) -> pypdfium2.PdfDocument:
    try:
        document = pypdfium2.PdfDocument(data, password=password)
    except pypdfium2.PdfiumError as exc:
        if _is_locked(data, password):
            raise _locked(password) from exc
        raise damaged(MediaType.PDF) from exc
    document.init_forms()
    return document


def _locked(password: str | None) -> EncryptedDocumentError:
    if password is None:
        return EncryptedDocumentError(
            "The PDF file needs a password. Send it again with the option `password`."
        )
    return EncryptedDocumentError(
        "The PDF file does not open with the password that was sent. Send it with the right one."
    )


def _is_locked(data: bytes, password: str | None) -> bool:
    """Asks PDFium again, since the binding's code may be that of an earlier file.

    A file without pages loads well: nothing sets the code, and the binding reads the last one set.
    """
    key = None if password is None else password.encode()
    handle = pdfium.FPDF_LoadMemDocument64(data, len(data), key)
    if handle:
        pdfium.FPDF_CloseDocument(handle)
        return False
    return pdfium.FPDF_GetLastError() in _LOCKED


def _render_size(page: pypdfium2.PdfPage, request: RenderPage) -> RenderSize:
    width_pt, height_pt = page.get_size()
    if not (math.isfinite(width_pt * height_pt) and width_pt > 0 and height_pt > 0):
        raise damaged(MediaType.PDF)
    dpi = request.dpi or _scan_dpi(page, width_pt * height_pt) or VECTOR_DPI
    return fit_dpi(width_pt, height_pt, dpi, request.max_pixels)


def _scan_dpi(page: pypdfium2.PdfPage, page_area_pt2: float) -> int | None:
    """Gives the resolution of the finest picture that covers nearly the whole page."""
    pictures = islice(page.get_objects(max_depth=1), _MAX_OBJECTS)
    found = [
        dpi
        for picture in pictures
        if isinstance(picture, pypdfium2.PdfImage) and (dpi := _cover_dpi(picture, page_area_pt2))
    ]
    return max(found, default=None)


def _cover_dpi(picture: pypdfium2.PdfImage, page_area_pt2: float) -> int | None:
    a, b, c, d, _, _ = picture.get_matrix().get()
    width_pt, height_pt = math.hypot(a, b), math.hypot(c, d)
    if width_pt * height_pt < _SCAN_COVER * page_area_pt2:
        return None
    width_px, height_px = picture.get_px_size()
    return native_dpi(width_px, height_px, width_pt, height_pt)


def _rendered(page: pypdfium2.PdfPage, size: RenderSize) -> Image.Image:
    # Colour always: a grey page costs less to recognise afterwards than to foresee.
    scale = size.dpi / POINTS_PER_INCH * _ROUNDING_GUARD
    bitmap = page.render(scale=scale, rev_byteorder=True)
    with closing(bitmap):
        picture: Image.Image = bitmap.to_pil().copy()
    picture.info["dpi"] = (size.dpi, size.dpi)
    return picture


def _lowered_warning(size: RenderSize) -> tuple[str, ...]:
    if not size.lowered:
        return ()
    return (
        f"The page is so large that it was rendered at {size.dpi:.0f} dpi; "
        "small text may not be read.",
    )

"""Picture files → a page, by Pillow: exactly the one decoder that the sniffed type names.

The plug-in classes are used themselves. `Image.open` would try others, among them EPS, which
starts Ghostscript; and it imports every plug-in once none fits.
"""

from __future__ import annotations

import io

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from ocr_api.documents.faults import check_pixels
from ocr_api.documents.jpeg_end import JPEG_END_WARNING, load_jpeg
from ocr_api.documents.normalise import normalise
from ocr_api.documents.rendered import Document, RenderedPage
from ocr_api.documents.tiff_pages import list_pages
from ocr_api.documents.webp_size import canvas_size
from ocr_api.jobs import MediaType
from ocr_api.messages import RenderPage

FIRST_FRAME_WARNING = "The picture is animated; only its first frame was read."
BROKEN_LIST_WARNING = (
    "The TIFF file's list of pages breaks off; pages after the last one found are not read."
)

_DECODERS: dict[MediaType, type[ImageFile.ImageFile]] = {
    MediaType.JPEG: JpegImagePlugin.JpegImageFile,
    MediaType.PNG: PngImagePlugin.PngImageFile,
    MediaType.GIF: GifImagePlugin.GifImageFile,
    MediaType.BMP: BmpImagePlugin.BmpImageFile,
    MediaType.TIFF: TiffImagePlugin.TiffImageFile,
    MediaType.WEBP: WebPImagePlugin.WebPImageFile,
    MediaType.AVIF: AvifImagePlugin.AvifImageFile,
}
IMAGE_TYPES = frozenset(_DECODERS)


def open_picture(data: bytes, media_type: MediaType) -> Document:
    """Opens a picture file, reading no more than its headers.

    Animated GIF, PNG, WebP and AVIF files count as one page: their first frame. TIFF files have
    as many pages as full-size pictures (thumbnails and masks are none).

    Raises:
        Exception: Whatever the decoder raises; the caller turns it into ours.
    """
    if media_type is MediaType.TIFF:
        return _TiffFile(data)
    return _Picture(data, media_type)


class _Picture:
    """A file of one page."""

    pages_total = 1

    def __init__(self, data: bytes, media_type: MediaType) -> None:
        self._data = data
        self._media_type = media_type
        self.warnings = (FIRST_FRAME_WARNING,) if _is_animated(data, media_type) else ()

    def render(self, request: RenderPage) -> RenderedPage:
        if self._media_type is MediaType.WEBP:
            # Its decoder allocates the canvas as soon as it is opened.
            check_pixels(*canvas_size(self._data), request.max_pixels)
        with _open(self._data, self._media_type) as picture:
            check_pixels(*picture.size, request.max_pixels)
            cut_off = False
            if self._media_type is MediaType.JPEG:
                cut_off = load_jpeg(picture, self._data)
            else:
                picture.load()
            page, changed = normalise(picture)
        return RenderedPage(page, (*((JPEG_END_WARNING,) if cut_off else ()), *changed))

    def close(self) -> None:
        self._data = b""


class _TiffFile:
    """A file of many pages; the picture stays open, since it knows where each page begins."""

    def __init__(self, data: bytes) -> None:
        self._picture = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
        pages = list_pages(self._picture)
        self._frames = pages.frames
        self.pages_total = len(pages.frames)
        self.warnings = (BROKEN_LIST_WARNING,) if pages.broken else ()

    def render(self, request: RenderPage) -> RenderedPage:
        picture = self._picture
        picture.seek(self._frames[request.page_number - 1])
        check_pixels(*picture.size, request.max_pixels)
        picture.load()
        page, changed = normalise(picture)
        # Fax pages were stretched.
        check_pixels(page.width_px, page.height_px, request.max_pixels)
        return RenderedPage(page, changed)

    def close(self) -> None:
        self._picture.close()


def _open(data: bytes, media_type: MediaType) -> ImageFile.ImageFile:
    """Reads the header alone."""
    return _DECODERS[media_type](io.BytesIO(data))


def _is_animated(data: bytes, media_type: MediaType) -> bool:
    """Looks for a second frame on a picture of its own: looking moves the position."""
    if media_type not in {MediaType.GIF, MediaType.PNG, MediaType.WEBP, MediaType.AVIF}:
        return False
    try:
        with _open(data, media_type) as picture:
            return bool(getattr(picture, "is_animated", False))
    except Exception:  # noqa: BLE001 - a damaged second frame must not cost the first
        return False

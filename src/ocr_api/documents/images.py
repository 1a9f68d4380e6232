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

from ocr_api.documents.faults import check_page, check_pixels
from ocr_api.documents.jpeg_end import JPEG_END_WARNING, load_jpeg
from ocr_api.documents.normalise import normalise
from ocr_api.documents.rendered import RenderedPage
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


def render_image_page(data: bytes, request: RenderPage) -> RenderedPage:
    """Decodes one page of a picture file.

    Animated GIF, PNG, WebP and AVIF files count as one page: their first frame. TIFF files have
    as many pages as full-size pictures (thumbnails and masks are none).

    Raises:
        DocumentError: Too many pixels or pages, no such page, or a damaged JPEG.
        Exception: Whatever the decoder raises; the caller turns it into ours.
    """
    picture, pages_total, warnings = _open_page(data, request)
    with picture:
        check_pixels(*picture.size, request.max_pixels)
        if request.media_type is MediaType.JPEG:
            if load_jpeg(picture, data):
                warnings += (JPEG_END_WARNING,)
        else:
            picture.load()
        page, changed = normalise(picture)
    # Fax pages were stretched.
    check_pixels(page.width_px, page.height_px, request.max_pixels)
    return RenderedPage(page, pages_total, warnings + changed)


def _open_page(
    data: bytes, request: RenderPage
) -> tuple[ImageFile.ImageFile, int, tuple[str, ...]]:
    """Gives the picture (not yet decoded), the number of pages, and warnings."""
    if request.media_type is MediaType.TIFF:
        return _open_tiff_page(data, request)
    check_page(1, request)
    if request.media_type is MediaType.WEBP:
        # Its decoder allocates the canvas as soon as it is opened.
        check_pixels(*canvas_size(data), request.max_pixels)
    animated = (FIRST_FRAME_WARNING,) if _is_animated(data, request.media_type) else ()
    return _open(data, request.media_type), 1, animated


def _open_tiff_page(
    data: bytes, request: RenderPage
) -> tuple[ImageFile.ImageFile, int, tuple[str, ...]]:
    with TiffImagePlugin.TiffImageFile(io.BytesIO(data)) as listed:
        pages = list_pages(listed)
    check_page(len(pages.frames), request)
    picture = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    picture.seek(pages.frames[request.page_number - 1])
    return picture, len(pages.frames), (BROKEN_LIST_WARNING,) if pages.broken else ()


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

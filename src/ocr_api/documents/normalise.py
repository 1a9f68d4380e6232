"""Any decoded picture → a page: upright, opaque, 8 bits, dark text on a light ground."""

from __future__ import annotations

from PIL import Image, ImageChops

from ocr_api.documents.depth import DEEP_MODES, to_eight_bits
from ocr_api.documents.ground import has_dark_ground
from ocr_api.documents.resolution import plausible_dpi
from ocr_api.documents.transparency import flatten
from ocr_api.pages import PageImage, PixelMode

INVERTED_WARNING = "The page shows light text on a dark ground; it was inverted before reading."

_ORIENTATION_TAG = 0x0112  # Exif 3.0, 4.6.5.1.6
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BAND_ROWS = 256
_GREY_TOLERANCE = 2  # channels of grey scans differ by rounding between colour spaces
_FAX_RATIO = (1.2, 2.6)  # 204 x 196 is square enough; 204 x 98 dpi (ITU-T T.4) is not


def normalise(picture: Image.Image) -> tuple[PageImage, tuple[str, ...]]:
    """Gives the page of a loaded picture, and warnings about what was changed.

    Orientation (Exif), transparency, depth, colour space, non-square pixels and inverted pages
    are all settled here, so that no engine needs to know of them.

    Args:
        picture: Loaded; may be changed.
    """
    orientation = _orientation(picture)
    resolution = plausible_dpi(picture.info.get("dpi"))
    # One name for all stages, so that each stage's pixels are freed by the next.
    plain = flatten(to_eight_bits(picture) if picture.mode in DEEP_MODES else picture)
    plain = _reduce_to_grey(plain)
    plain, dpi = _square_pixels(plain, resolution)
    if orientation in _TRANSPOSITIONS:
        plain = plain.transpose(_TRANSPOSITIONS[orientation])
    warnings: tuple[str, ...] = ()
    if has_dark_ground(plain):
        plain = ImageChops.invert(plain)
        warnings = (INVERTED_WARNING,)
    return page_of(plain, dpi), warnings


def page_of(picture: Image.Image, dpi: int | None) -> PageImage:
    """Wraps a picture of mode L or RGB."""
    mode: PixelMode = "L" if picture.mode == "L" else "RGB"
    return PageImage(picture.width, picture.height, mode, memoryview(_pixels_of(picture)), dpi)


def _pixels_of(picture: Image.Image) -> bytearray:
    """Copies the pixels in bands: `tobytes` of the whole holds them twice at its end."""
    width, height = picture.size
    row_bytes = width * len(picture.getbands())
    pixels = bytearray(row_bytes * height)
    for top in range(0, height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, height)
        band = picture.crop((0, top, width, bottom)).tobytes()
        pixels[top * row_bytes : bottom * row_bytes] = band
    return pixels


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - unreadable Exif data must not cost the caller the page
        return 1


def _reduce_to_grey(picture: Image.Image) -> Image.Image:
    """Gives mode L where all channels agree, else RGB."""
    if picture.mode == "L":
        return picture
    probe = picture.resize((64, 64), Image.Resampling.NEAREST)
    if _channels_agree(probe) and _channels_agree(picture):
        return picture.getchannel(1)
    return picture


def _channels_agree(picture: Image.Image) -> bool:
    red, green, blue = picture.split()
    return all(
        ImageChops.difference(green, other).getextrema()[1] <= _GREY_TOLERANCE  # type: ignore[operator]
        for other in (red, blue)
    )


def _square_pixels(
    picture: Image.Image, resolution: tuple[int, int] | None
) -> tuple[Image.Image, int | None]:
    """Stretches fax pages, whose pixels are taller than wide, to square pixels."""
    if resolution is None:
        return picture, None
    x, y = resolution
    low, high = _FAX_RATIO
    if not low <= max(x, y) / min(x, y) <= high:
        return picture, min(x, y)
    target = max(x, y)
    size = (round(picture.width * target / x), round(picture.height * target / y))
    return picture.resize(size, Image.Resampling.BICUBIC), target

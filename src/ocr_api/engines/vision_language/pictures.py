"""Pages as the pictures that processors of vision-language models take."""

from __future__ import annotations

from PIL import Image

from ocr_api.engines import ink
from ocr_api.engines.base import as_array
from ocr_api.pages import PageImage

_CHECK_SIDE_PX = 1_600
"""Blank pages show at this size already."""


def picture_of(page: PageImage) -> Image.Image:
    """Gives a copy of the page as an RGB picture."""
    return Image.fromarray(as_array(page)).convert("RGB")


def is_blank(page: PageImage) -> bool:
    """Tells whether nothing on the page can be writing, by its ink alone."""
    if min(page.width_px, page.height_px) < ink.MIN_SIDE_PX:
        return True
    grey = ink.grey_of(page)
    factor = ink.shrink_factor(grey, max_side_px=_CHECK_SIDE_PX, max_pixels=_CHECK_SIDE_PX**2)
    return not ink.ink_mask(ink.resize(grey, factor)).any()


def within_pixels(picture: Image.Image, most_pixels: int) -> Image.Image:
    """Gives the picture, shrunk where it has more pixels than this."""
    pixels = picture.width * picture.height
    if pixels <= most_pixels:
        return picture
    factor = (most_pixels / pixels) ** 0.5
    size = (max(1, int(picture.width * factor)), max(1, int(picture.height * factor)))
    return picture.resize(size, Image.Resampling.LANCZOS)

"""Brings a page upright and level, so that engines and boxes share one frame: pure."""

from __future__ import annotations

from typing import assert_never

import cv2
import numpy as np

from ocr_api.engines.base import GreyOrRgb, as_array
from ocr_api.pages import PageImage, PageTraits, Rotation

MIN_SKEW_DEG = 0.15
"""Smaller skews are left alone: turning costs sharpness."""
MAX_SKEW_DEG = 20.0
"""Larger ones are no skew; a wrong estimate must not cut a page to pieces."""


def straighten(page: PageImage, traits: PageTraits) -> PageImage:
    """Gives the page upright (quarter turns) and level (deskewed), larger where corners need room.

    The page itself comes back where nothing is to be done; its pixels are never written to.
    Resolution stays as it was.
    """
    upright = turn_upright(page, traits.rotation_deg)
    return deskew(upright, traits.skew_deg)


def turn_upright(page: PageImage, rotation_deg: Rotation) -> PageImage:
    """Gives the page after this many degrees of clockwise quarter turns."""
    match rotation_deg:
        case 0:
            return page
        case 90:
            turned = np.rot90(as_array(page), k=-1)
        case 180:
            turned = np.rot90(as_array(page), k=2)
        case 270:
            turned = np.rot90(as_array(page), k=1)
        case _:
            assert_never(rotation_deg)
    return _page_of(turned, page)


def deskew(page: PageImage, skew_deg: float) -> PageImage:
    """Gives the page turned clockwise by a small angle; new corners take the colour of the margin.

    Left alone where the angle is under `MIN_SKEW_DEG` or over `MAX_SKEW_DEG`.
    """
    if not MIN_SKEW_DEG <= abs(skew_deg) <= MAX_SKEW_DEG:
        return page
    array = as_array(page)
    width, height = page.width_px, page.height_px
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -skew_deg, 1.0)
    cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
    new_width = round(width * cosine + height * sine)
    new_height = round(width * sine + height * cosine)
    matrix[0, 2] += (new_width - width) / 2
    matrix[1, 2] += (new_height - height) / 2
    turned = cv2.warpAffine(
        array,
        matrix,
        (new_width, new_height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=_margin_colour(array),
    )
    return _page_of(np.asarray(turned, dtype=np.uint8), page)


def _margin_colour(array: GreyOrRgb) -> tuple[float, ...]:
    """Gives the median colour of the outermost pixels."""
    edges = (array[0], array[-1], array[:, 0], array[:, -1])
    channels = array.shape[2] if array.ndim == 3 else 1
    margin = np.concatenate([edge.reshape(-1, channels) for edge in edges])
    return tuple(float(level) for level in np.median(margin, axis=0))


def _page_of(array: GreyOrRgb, like: PageImage) -> PageImage:
    rows = np.ascontiguousarray(array)
    return PageImage(
        width_px=rows.shape[1],
        height_px=rows.shape[0],
        mode=like.mode,
        pixels=rows.reshape(-1).data,
        dpi=like.dpi,
    )

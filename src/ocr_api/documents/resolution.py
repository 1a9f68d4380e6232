"""Pure decisions about resolution: what to believe, what to render at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import SupportsFloat, cast

POINTS_PER_INCH = 72.0
"""PDF user space units per inch (ISO 32000-2, 8.3.2.3)."""

PLAUSIBLE_DPI = (72, 1200)
"""What files may claim; below lie placeholders of cameras and editors."""

VECTOR_DPI = 300
"""For pages without a scan: what OCR engines are trained and tuned for."""

SCAN_DPI = (150, 400)
"""Bounds for keeping a scan's own resolution; beyond 400 only noise is gained."""


_LARGEST_SHEET_PT = 17 * POINTS_PER_INCH
"""A3 and tabloid. Scans on larger pages mostly state no true size; enlarging them gains nothing."""


@dataclass(frozen=True, slots=True)
class RenderSize:
    """How a PDF page is rendered.

    Attributes:
        dpi: Pixels per inch.
        lowered: Whether the pixel limit forced it down.
    """

    dpi: float
    lowered: bool


def plausible_dpi(stated: object) -> tuple[int, int] | None:
    """Gives the `(x, y)` resolution that a file states, or None where it cannot be meant.

    Args:
        stated: What the decoder found: two numbers of any kind, or nonsense.
    """
    if not isinstance(stated, tuple):
        return None
    try:
        x, y = (round(float(value)) for value in cast("tuple[SupportsFloat, ...]", stated))
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    low, high = PLAUSIBLE_DPI
    return (x, y) if low <= x <= high and low <= y <= high else None


def native_dpi(width_px: int, height_px: int, width_pt: float, height_pt: float) -> int | None:
    """Gives the resolution at which a picture's own pixels are kept, within `SCAN_DPI`.

    The lower bound holds for sheets up to A3 only.

    Args:
        width_px: Columns of the picture.
        height_px: Rows of the picture.
        width_pt: Length of its rows on the page, in points.
        height_pt: Length of its columns on the page, in points.

    Returns:
        Pixels per inch; None where a length is zero.
    """
    if not (width_pt > 0 and height_pt > 0):
        return None
    found = max(width_px / width_pt, height_px / height_pt) * POINTS_PER_INCH
    low, high = SCAN_DPI
    if max(width_pt, height_pt) > _LARGEST_SHEET_PT:
        low = 1
    return round(min(max(found, low), high))


def fit_dpi(width_pt: float, height_pt: float, dpi: float, max_pixels: int) -> RenderSize:
    """Lowers a resolution until the page stays within the pixel limit.

    Sides are rounded up to whole pixels and are at least one pixel long, as the renderer does it.
    """
    if _pixels(width_pt, height_pt, dpi) <= max_pixels:
        return RenderSize(dpi, lowered=False)
    fitting = min(dpi, math.sqrt(max_pixels / (width_pt * height_pt)) * POINTS_PER_INCH)
    while _pixels(width_pt, height_pt, fitting) > max_pixels:
        fitting *= 0.99
    return RenderSize(fitting, lowered=True)


def _pixels(width_pt: float, height_pt: float, dpi: float) -> int:
    scale = dpi / POINTS_PER_INCH
    return max(1, math.ceil(width_pt * scale)) * max(1, math.ceil(height_pt * scale))

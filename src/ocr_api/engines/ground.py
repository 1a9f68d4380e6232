"""Gives a page an even, white ground: light print on dark, surroundings, shadows. Pure."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ocr_api.engines.ink import MIN_SIDE_PX, Grey, Mask

_WORK_SIDE_PX = 400
_SHEET_SHARE = (0.2, 0.97)
"""A sheet of paper photographed on a table covers this share of the picture."""
_SHEET_CONTRAST = 1.5
"""The sheet is at least this many times as bright as what it lies on."""
_MOST_LIGHT_AROUND = 0.03
"""More light among the surroundings is writing: a dark margin of the page itself."""
_MOST_LIGHT_PRINT = 0.45
_THICKEST_PRINT = 25
"""Light strokes on dark ground are thinner than this share (1/25) of the work image."""
_POLARITY_STEP_PX = 4
"""Every fourth pixel each way tells the ground from the print well enough."""


def even_out(grey: Grey) -> Grey:
    """Gives dark ink on an even, white ground.

    Light print on a dark page is turned to dark on light; what a sheet lies on is whitened;
    shadows, gradients and tinted paper are divided out. The ground is estimated as the brightest
    level near each pixel (dilation and median at a quarter of the size), which follows shadows but
    not letters.
    """
    height, width = grey.shape[:2]
    if min(height, width) < 4 * MIN_SIDE_PX:
        return grey
    light = _light_areas(grey)
    if _is_light_print(light) and _is_mostly_dark(grey):
        grey, light = np.bitwise_not(grey), np.bitwise_not(light)
    small = cv2.resize(grey, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    ground = cv2.medianBlur(cv2.dilate(small, np.ones((9, 9), dtype=np.uint8)), 21)
    full = cv2.resize(ground, (width, height), interpolation=cv2.INTER_LINEAR)
    even = np.asarray(cv2.divide(grey, full, scale=255), dtype=np.uint8)
    return _without_surroundings(even, grey, light)


def _light_areas(grey: Grey) -> Mask:
    """Gives 255 where a small image of the page is light (Otsu on a scale of ratios)."""
    factor = min(1.0, _WORK_SIDE_PX / max(grey.shape[:2]))
    size = tuple(max(1, round(side * factor)) for side in reversed(grey.shape[:2]))
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    ratios = np.log1p(small.astype(np.float32)) * (255 / np.log(256.0))
    calm = np.asarray(cv2.GaussianBlur(ratios.astype(np.uint8), (3, 3), 0), dtype=np.uint8)
    _, mask = cv2.threshold(calm, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return np.asarray(mask, dtype=np.uint8)


def _is_light_print(light: Mask) -> bool:
    """Tells whether what is light on the page is thin and little, as print is."""
    if np.count_nonzero(light) > _MOST_LIGHT_PRINT * light.size:
        return False
    thick = max(3, max(light.shape[:2]) // _THICKEST_PRINT)
    kernel = np.ones((thick, thick), dtype=np.uint8)
    areas = cv2.morphologyEx(light, cv2.MORPH_OPEN, kernel, borderValue=0)
    return bool(np.count_nonzero(areas) < 0.02 * light.size)


def _is_mostly_dark(grey: Grey) -> bool:
    """Tells whether most of the page is nearer to its darkest level than to its lightest.

    Small print all over a page is grey in a small image, and the gaps between its columns are then
    what is thin and light. At full size its paper shows.
    """
    sample = grey[::_POLARITY_STEP_PX, ::_POLARITY_STEP_PX]
    dark, middle, light = np.percentile(sample, (2, 50, 98)).tolist()
    return bool(middle - dark < light - middle)


def _without_surroundings(even: Grey, grey: Grey, light: Mask) -> Grey:
    """Gives the page with what a photographed sheet lies on made white."""
    sheet = _sheet_hull(light)
    share = np.count_nonzero(sheet) / sheet.size
    if not _SHEET_SHARE[0] < share < _SHEET_SHARE[1]:
        return even
    around = sheet == 0
    if np.count_nonzero(light[around]) > _MOST_LIGHT_AROUND * np.count_nonzero(around):
        return even
    height, width = even.shape[:2]
    small = np.asarray(
        cv2.resize(grey, (light.shape[1], light.shape[0]), interpolation=cv2.INTER_AREA),
        dtype=np.uint8,
    )
    if np.median(small[~around]) < _SHEET_CONTRAST * np.median(small[around]):
        return even
    # The rim of the sheet goes too: its edge and shadow would be read as letters.
    inner = cv2.erode(sheet, np.ones((5, 5), dtype=np.uint8), borderValue=(255,))
    full = cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(full > 127, even, np.uint8(255)).astype(np.uint8)


def _sheet_hull(light: Mask) -> npt.NDArray[np.uint8]:
    """Gives 255 within the hull of the largest light area."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(light, connectivity=4)
    sheet = np.zeros_like(light)
    if len(stats) < 2:
        return sheet
    largest = 1 + int(np.argmax(np.asarray(stats)[1:, 4]))
    rows, columns = np.nonzero(np.asarray(labels) == largest)
    points = np.column_stack((columns, rows)).astype(np.int32)
    cv2.fillConvexPoly(sheet, cv2.convexHull(points), (255,))
    return sheet

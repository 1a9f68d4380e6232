"""Grey pages made even, sized and measured before anything reads them: pure functions."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ocr_api.engines.base import GreyOrRgb, as_array
from ocr_api.pages import PageImage

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int32]
Sizes = npt.NDArray[np.float64]

MIN_SIDE_PX = 8
"""Narrower pages hold no legible writing."""
_MAX_ASPECT = 120.0
"""A strip with one line of 300 letters is about 90 times as long as high."""
_HIGHEST_LETTER = 0.3
_SIGN_LETTER_PX = 250.0
"""Higher pieces than this share of the page are pictures, except on small pictures of signs."""
_NEAR_LETTERS = 0.8
_LONG_RULE = 12.0
_MANY_PIECES = 15_000
"""A page of small print has about 10,000 letters; more pieces than this are cleaned of specks."""
_MOST_PIECES = 60_000
"""Pieces on a large newspaper page; what has more even when cleaned is noise."""
_MIN_CONTRAST = 22.0
"""Grey levels between ink and ground (0..255, ground made even) under which a page is blank."""


@dataclass(frozen=True, slots=True)
class InkStatistics:
    """What the connected pieces of ink on a page look like.

    Attributes:
        pieces: Number of pieces that may be letters or words.
        text_height_px: Height that half of the ink reaches: about the x-height of Latin, the
            body of an Arabic word, a Han character; 0.0 = no pieces.
        letters: About how many letters they are, however they touch; see `_count_letters`.
    """

    pieces: int
    text_height_px: float
    letters: int = 0


def grey_of(page: PageImage) -> Grey:
    """Gives the page as `(height_px, width_px)` uint8, without a copy where it is grey."""
    return to_grey(as_array(page))


def to_grey(array: GreyOrRgb) -> Grey:
    """Gives luma (ITU-R BT.601) of an RGB array, a grey array as it is."""
    if array.ndim == 2:
        return array
    return np.asarray(cv2.cvtColor(array, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def is_legible_shape(page: PageImage) -> bool:
    """Tells whether a page of this size can hold writing at all."""
    short, long = sorted((page.width_px, page.height_px))
    return short >= MIN_SIDE_PX and long <= short * _MAX_ASPECT


def resize(grey: Grey, factor: float) -> Grey:
    """Gives the page `factor` times as large, each side at least 1 px."""
    if factor == 1.0:
        return grey
    height, width = grey.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    method = cv2.INTER_AREA if factor < 1.0 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, size, interpolation=method), dtype=np.uint8)


def shrink_factor(grey: Grey, *, max_side_px: int, max_pixels: int) -> float:
    """Gives the factor (at most 1.0) that brings a page within these bounds."""
    height, width = grey.shape[:2]
    by_area = (max_pixels / (width * height)) ** 0.5
    return float(min(1.0, max_side_px / max(width, height), by_area))


def ink_mask(even: Grey) -> Mask:
    """Gives 255 where there is ink and 0 elsewhere (Otsu); all 0 where the contrast is too low."""
    calm = cv2.GaussianBlur(even, (3, 3), 0)
    level, mask = cv2.threshold(calm, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    dark, light = calm[calm <= level], calm[calm > level]
    if not dark.size or not light.size or light.mean() - dark.mean() < _MIN_CONTRAST:
        return np.zeros_like(even)
    return np.asarray(mask, dtype=np.uint8)


def measure_ink(mask: Mask) -> InkStatistics:
    """Measures the pieces of ink that may be letters or words."""
    _, pieces, kept = _letter_pieces(mask)
    letters = pieces[kept]
    if not len(letters):
        return InkStatistics(0, 0.0)
    wide, tall, ink = (np.asarray(letters[:, column], dtype=np.float64) for column in (2, 3, 4))
    return InkStatistics(len(letters), _middle(tall, ink), _count_letters(wide, tall, ink))


def without_specks(even: Grey) -> tuple[Grey, InkStatistics]:
    """Gives the page and its ink, freed of specks (median) where pieces are too many."""
    stats = measure_ink(ink_mask(even))
    for size in (3, 5):
        if stats.pieces <= _MANY_PIECES:
            break
        even = np.asarray(cv2.medianBlur(even, size), dtype=np.uint8)
        stats = measure_ink(ink_mask(even))
    return even, stats


def may_be_writing(stats: InkStatistics) -> bool:
    """Tells whether so many pieces can be letters: none is blank, too many is noise."""
    return 0 < stats.pieces <= _MOST_PIECES


def middle_rows(grey: Grey, stats: InkStatistics, most_pieces: int) -> Grey:
    """Gives the rows in the middle of the page that hold about this many pieces of ink."""
    height = grey.shape[0]
    kept = min(1.0, most_pieces / max(1, stats.pieces))
    rows = max(round(height * kept), min(height, round(12 * stats.text_height_px)))
    top = (height - rows) // 2
    return grey[top : top + rows]


def letter_mask(mask: Mask) -> Mask:
    """Gives the mask without the pieces that cannot be letters or words."""
    labels, _, kept = _letter_pieces(mask)
    return (kept[labels] * 255).astype(np.uint8)


def isolate_letters(even: Grey, text_height_px: float) -> Grey:
    """Gives the page with nothing but letters and what is near them, such as their dots.

    Texture, dust, pictures, frames and rules mislead the search for lines; they are made white.

    Args:
        even: Dark ink on an even, white ground.
        text_height_px: See `InkStatistics`.
    """
    labels, pieces, kept = _letter_pieces(ink_mask(even))
    longest_px = _LONG_RULE * text_height_px
    rules = ~kept & ((pieces[:, 2] > longest_px) | (pieces[:, 3] > longest_px))
    rules[0] = False
    reach = 2 * round(_NEAR_LETTERS * text_height_px) + 1
    letters = (kept[labels] * 255).astype(np.uint8)
    near = cv2.dilate(letters, np.ones((reach, reach), dtype=np.uint8))
    ruled = cv2.dilate((rules[labels] * 255).astype(np.uint8), np.ones((5, 5), dtype=np.uint8))
    white = (near == 0) | ((ruled > 0) & (letters == 0))
    return np.where(white, np.uint8(255), even).astype(np.uint8)


def _count_letters(wide: Sizes, tall: Sizes, ink: Sizes) -> int:
    """Gives how many squares of a letter's size the pieces' boxes cover.

    A letter's size is the shorter side that half of the ink reaches: a letter's own where letters
    stand apart, the line's height where they touch. So the number depends neither on the resolution
    nor on how the page lies. Measured on the pages of `eval/pages` and drawn ones of 20 to 27,000
    letters (spaces not counted): 0.8 to 1.3 times the letters of clean Latin pages, 0.9 to 1.7 of
    Han, about 0.65 of Arabic; where blur or small print makes words of one piece, 0.3 to 0.8.
    """
    size_px = _middle(np.minimum(wide, tall), ink)
    return round(float(np.sum(wide * tall)) / size_px**2)


def _middle(sizes: Sizes, ink: Sizes) -> float:
    """Gives the size that half of the ink reaches."""
    order = np.argsort(sizes, kind="stable")
    share = np.cumsum(ink[order])
    return float(sizes[order][int(np.count_nonzero(share < share[-1] / 2))])


def _letter_pieces(mask: Mask) -> tuple[Labels, Labels, npt.NDArray[np.bool_]]:
    """Gives labels, statistics and whether a piece may be letters (label 0, the ground, is not).

    Specks under 3 px, rules, frames and pictures are left out by their size.
    """
    height, width = mask.shape[:2]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    pieces = np.asarray(stats, dtype=np.int32)
    tall, wide, area = (pieces[:, column] for column in (3, 2, 4))
    line_like = (tall * 12 < wide) | (wide * 12 < tall)
    highest_px = max(_HIGHEST_LETTER * height, min(_SIGN_LETTER_PX, 0.95 * height))
    fits = (tall < highest_px) & (wide < 0.7 * width + 60)
    kept = np.asarray((tall >= 3) & (area >= 6) & fits & ~line_like)
    kept[0] = False
    return np.asarray(labels, dtype=np.int32), pieces, kept

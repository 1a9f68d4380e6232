"""Cuts large and tall pages into strips that a model can read, and puts their texts together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt

from ocr_api.engines import ink
from ocr_api.pages import Block, Box, Line, PageImage, PageText

_OVERLAP = 0.1
"""Of a strip's height, where it cannot be cut between two lines."""
_SEARCH = 0.2
"""Of a strip's height: how far from the even cut a gap between lines is looked for."""
_LEAST_GAP_PX = 3
_ALIKE = 0.8
"""Share of equal characters from which two readings are of the same line."""


@dataclass(frozen=True, slots=True)
class StripRule:
    """When a page is cut.

    Attributes:
        most_aspect: Height by width of what is read in one piece.
        most_pixels: Of what is read in one piece.
    """

    most_aspect: float
    most_pixels: int


@dataclass(frozen=True, slots=True)
class Strip:
    """Rows of a page.

    Attributes:
        top: First row.
        bottom: First row below.
    """

    top: int
    bottom: int


def cut(page: PageImage, rule: StripRule) -> tuple[Strip, ...]:
    """Gives the strips of a page from top to bottom, the whole page where it need not be cut."""
    count = strip_count(page.width_px, page.height_px, rule)
    if count == 1:
        return (Strip(0, page.height_px),)
    mask = ink.ink_mask(ink.grey_of(page))
    return plan_strips(np.asarray(mask.any(axis=1)), count)


def strip_count(width_px: int, height_px: int, rule: StripRule) -> int:
    """Gives how many strips a page of this size needs."""
    by_shape = math.ceil(height_px / (rule.most_aspect * width_px))
    by_size = math.ceil(width_px * height_px / rule.most_pixels)
    return max(1, by_shape, by_size)


def plan_strips(has_ink: npt.NDArray[np.bool_], count: int) -> tuple[Strip, ...]:
    """Cuts rows into strips: in gaps between lines, or overlapping where there is none.

    Args:
        has_ink: One entry a row.
        count: Of strips, at least 1.
    """
    rows = len(has_ink)
    height = rows / count
    tops: list[int] = [0]
    bottoms: list[int] = []
    for number in range(1, count):
        even = round(number * height)
        gap = _widest_gap(has_ink, even, round(_SEARCH * height))
        reach = 0 if gap is not None else max(1, round(_OVERLAP * height / 2))
        middle = even if gap is None else gap
        tops.append(max(0, middle - reach))
        bottoms.append(min(rows, middle + reach))
    return tuple(Strip(*pair) for pair in zip(tops, [*bottoms, rows], strict=True))


def strip_page(page: PageImage, strip: Strip) -> PageImage:
    """Gives the rows of a strip as a page of its own, without a copy."""
    row_bytes = page.width_px * page.channels
    pixels = page.pixels.cast("B")[strip.top * row_bytes : strip.bottom * row_bytes]
    return replace(page, height_px=strip.bottom - strip.top, pixels=pixels)


def join_texts(texts: Sequence[PageText], strips: Sequence[Strip], page: PageImage) -> PageText:
    """Puts the texts of a page's strips together; lines that two strips show come once."""
    joined = _moved(texts[0], strips[0].top)
    for text, strip, above in zip(texts[1:], strips[1:], strips[:-1], strict=True):
        shared_px = max(0, above.bottom - strip.top)
        below = _moved(text, strip.top)
        expected = shared_px * len(below.lines) / max(1, strip.bottom - strip.top)
        joined = _join_two(joined, below, expected)
    return replace(joined, width_px=page.width_px, height_px=page.height_px)


def doubled_lines(above: Sequence[str], below: Sequence[str], expected: float) -> int:
    """Gives how many lines at the end of one text are the first ones of the next.

    Args:
        above: Lines of the upper strip.
        below: Lines of the lower one.
        expected: How many lines the rows that both show may hold; 0 = the strips share none. Of
            several numbers that fit, the nearest to this one is right.
    """
    if expected <= 0:
        return 0
    fitting = [
        count
        for count in range(1, min(len(above), len(below)) + 1)
        if all(
            _are_alike(one, other) for one, other in zip(above[-count:], below[:count], strict=True)
        )
    ]
    return min(fitting, key=lambda count: (abs(count - expected), -count), default=0)


def _are_alike(one: str, other: str) -> bool:
    return one == other or SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def _widest_gap(has_ink: npt.NDArray[np.bool_], even: int, reach: int) -> int | None:
    """Gives the middle of the widest run of rows without ink near a row."""
    first = max(0, even - reach)
    window = has_ink[first : even + reach]
    edges = np.flatnonzero(np.diff(np.concatenate(([1], window.astype(np.int8), [1]))))
    runs = [(int(end - start), int(start)) for start, end in edges.reshape(-1, 2).tolist()]
    length, start = max(runs, default=(0, 0))
    return first + start + length // 2 if length >= _LEAST_GAP_PX else None


def _join_two(above: PageText, below: PageText, expected: float) -> PageText:
    doubled = doubled_lines(
        [line.text for line in above.lines], [line.text for line in below.lines], expected
    )
    formatted = None
    if above.formatted_text is not None or below.formatted_text is not None:
        formatted = _join_formatted(above, below, expected)
    return replace(
        above,
        blocks=(*above.blocks, *_without_first(below.blocks, doubled)),
        formatted_text=formatted,
        warnings=tuple(dict.fromkeys((*above.warnings, *below.warnings))),
        flags=tuple(dict.fromkeys((*above.flags, *below.flags))),
        raw_text="\n\n".join(text for text in (above.raw_text, below.raw_text) if text),
    )


def _join_formatted(above: PageText, below: PageText, expected: float) -> str:
    upper = (above.formatted_text or above.text).split("\n")
    lower = (below.formatted_text or below.text).split("\n")
    doubled = doubled_lines(upper, lower, expected)
    return (
        "\n".join((*upper, *lower[doubled:]))
        if doubled
        else "\n\n".join(("\n".join(upper), "\n".join(lower)))
    )


def _without_first(blocks: Sequence[Block], count: int) -> tuple[Block, ...]:
    kept: list[Block] = []
    for block in blocks:
        dropped = min(count, len(block.lines))
        count -= dropped
        if dropped < len(block.lines) or not block.lines:
            kept.append(replace(block, lines=block.lines[dropped:]))
    return tuple(kept)


def _moved(text: PageText, top: int) -> PageText:
    return replace(text, blocks=tuple(_moved_block(block, top) for block in text.blocks))


def _moved_block(block: Block, top: int) -> Block:
    lines = tuple(_moved_line(line, top) for line in block.lines)
    return replace(block, lines=lines, box=_moved_box(block.box, top))


def _moved_line(line: Line, top: int) -> Line:
    return replace(line, box=_moved_box(line.box, top))


def _moved_box(box: Box, top: int) -> Box:
    return Box(box.left, box.top + top, box.right, box.bottom + top)

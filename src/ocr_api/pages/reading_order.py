"""Puts pieces of text into reading order: columns, blocks, rows. Pure; for left-to-right pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ocr_api.pages.geometry import Box

Content = TypeVar("Content")

_BLOCK_GAP = 1.1
"""Rows further apart than this many row heights start a new block."""
_GUTTER = 0.8
"""A gap between columns is at least this many row heights wide."""
_COLUMN_ROWS = 3
_COLUMN_FILL = 0.6
"""Running text fills its column: pieces are this share of the column's width in the median."""
_COLUMN_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Piece(Generic[Content]):
    """A piece of a line as a detector found it.

    Attributes:
        box: Pixels of the upright page, origin top-left.
        characters: How much is written in it.
        content: What the caller wants to have ordered.
    """

    box: Box
    characters: int
    content: Content


Rows = list[list[Piece[Content]]]


def order_pieces(pieces: Sequence[Piece[Content]]) -> list[Rows[Content]]:
    """Gives blocks of rows of pieces in reading order, each piece exactly once.

    A page is parted into bands that end where a row spans all columns, a band into columns where
    running text stands beside running text (a table's cells do not run, and are read by row),
    a column into blocks where rows are far apart; in a row, pieces go from left to right.
    """
    flows: list[list[Piece[Content]]] = []
    was_split = True
    for band in _bands(_rows_of(pieces)):
        columns = _columns(band)
        is_split = len(columns) > 1
        if is_split or was_split:
            flows.extend(columns)
        else:
            flows[-1].extend(band)
        was_split = is_split
    return [block for flow in flows for block in _blocks(_rows_of(flow))]


def _rows_of(pieces: Sequence[Piece[Content]]) -> Rows[Content]:
    """Groups pieces whose middles lie in one another's height; rows from top to bottom."""
    rows: Rows[Content] = []
    for piece in sorted(pieces, key=lambda item: (item.box.top + item.box.bottom, item.box.left)):
        if rows and _is_beside(rows[-1], piece):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    for row in rows:
        row.sort(key=lambda item: (item.box.left, item.box.top))
    return rows


def _is_beside(row: Sequence[Piece[Content]], piece: Piece[Content]) -> bool:
    last = row[-1].box
    common = min(last.bottom, piece.box.bottom) - max(last.top, piece.box.top)
    shorter = min(last.height_px, piece.box.height_px)
    overlaps = any(
        min(item.box.right, piece.box.right) - max(item.box.left, piece.box.left)
        > 0.5 * min(item.box.width_px, piece.box.width_px)
        for item in row
    )
    return common > 0.5 * shorter and not overlaps


def _bands(rows: Rows[Content]) -> list[list[Piece[Content]]]:
    """Parts a page where a single wide piece spans what has columns above or below it."""
    everything = Box.around(piece.box for row in rows for piece in row)
    bands: list[list[Piece[Content]]] = []
    was_spanning: bool | None = None
    for row in rows:
        is_spanning = len(row) == 1 and row[0].box.width_px > 0.65 * everything.width_px
        if is_spanning != was_spanning or not bands:
            bands.append([])
        bands[-1].extend(row)
        was_spanning = is_spanning
    return bands


def _columns(pieces: list[Piece[Content]]) -> list[list[Piece[Content]]]:
    """Parts a band at a gutter that no piece crosses, as often as both sides are running text."""
    gutter = _widest_gutter(pieces)
    if gutter is None:
        return [pieces]
    left = [piece for piece in pieces if piece.box.right <= gutter]
    right = [piece for piece in pieces if piece.box.right > gutter]
    if not (_is_running(left) and _is_running(right)):
        return [pieces]
    return _columns(left) + _columns(right)


def _widest_gutter(pieces: Sequence[Piece[Content]]) -> int | None:
    """Gives the x of the left edge of the widest gap that no piece crosses."""
    if len(pieces) < 2 * _COLUMN_ROWS:
        return None
    heights = sorted(piece.box.height_px for piece in pieces)
    best: tuple[int, int] = (round(_GUTTER * heights[len(heights) // 2]), -1)
    reach = -1
    for piece in sorted(pieces, key=lambda item: item.box.left):
        if reach >= 0 and piece.box.left - reach > best[0]:
            best = (piece.box.left - reach, reach)
        reach = max(reach, piece.box.right)
    return best[1] if best[1] >= 0 else None


def _is_running(pieces: Sequence[Piece[Content]]) -> bool:
    if len(pieces) < _COLUMN_ROWS:
        return False
    width = Box.around(piece.box for piece in pieces).width_px
    filled = sum(piece.box.width_px >= _COLUMN_FILL * width for piece in pieces)
    lengths = sorted(piece.characters for piece in pieces)
    return 2 * filled >= len(pieces) and lengths[len(lengths) // 2] >= _COLUMN_CHARACTERS


def _blocks(rows: Rows[Content]) -> list[Rows[Content]]:
    blocks: list[Rows[Content]] = []
    bottom = height = 0
    for row in rows:
        box = Box.around(piece.box for piece in row)
        if not blocks or box.top - bottom > _BLOCK_GAP * max(height, box.height_px):
            blocks.append([])
        blocks[-1].append(row)
        bottom, height = box.bottom, box.height_px
    return blocks

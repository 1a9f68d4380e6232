"""Puts pieces of text into reading order: columns, blocks, rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

from ocr_api.pages.geometry import Box

Content = TypeVar("Content")

_BLOCK_GAP = 1.1
"""Rows further apart than this many row heights start a new block."""
_GUTTER = 0.8
"""A gap between columns is at least this many row heights wide."""
_COLUMN_ROWS = 3
_COLUMN_FILL = 0.6
"""Running text fills its column: half of its pieces are this share of the longest ones wide."""
_COLUMN_CHARACTERS = 12
_MOST_CROSSING = 1 / 6
"""Headings, pictures' captions: at most this share of the pieces may lie across a gutter."""
_HEADING_HEIGHT = 1.4
"""Headings are this many times as high as the text."""
_VERSE_CHARACTERS = 34
_VERSE_GAP = 1.2
"""Half-lines of verse are short, and stand in pairs this many row heights apart."""


@dataclass(frozen=True, slots=True)
class Piece(Generic[Content]):
    """A piece of a line as a detector found it.

    Attributes:
        box: Pixels of the upright page, origin top-left.
        characters: How much is written in it, in letters; a Han character counts for two.
        content: What the caller wants to have ordered.
    """

    box: Box
    characters: int
    content: Content


Pieces = Sequence[Piece[Content]]
Rows = list[list[Piece[Content]]]


def order_pieces(pieces: Pieces[Content], *, right_to_left: bool = False) -> list[Rows[Content]]:
    """Gives blocks of rows of pieces in reading order, each piece exactly once.

    A page is parted into columns where running text stands beside running text (a table's cells
    do not run, and are read by row), at a gutter that only headings and the like lie across;
    these part the columns into bands. A column is parted into blocks where rows are far apart.

    Args:
        pieces: In any order.
        right_to_left: The first column, and the first piece of a row, is the rightmost.
    """
    framed = [
        Piece(_mirrored(piece.box) if right_to_left else piece.box, piece.characters, piece)
        for piece in pieces
    ]
    blocks = [block for flow in _flows(framed) for block in _blocks(_rows_of(flow))]
    return [[[item.content for item in row] for row in block] for block in blocks]


def _mirrored(box: Box) -> Box:
    return Box(-box.right, box.top, -box.left, box.bottom)


def _flows(pieces: Pieces[Content]) -> list[Pieces[Content]]:
    """Gives the columns of a page, or of a part of it, in the order they are read."""
    gutter = _find_gutter(pieces)
    if gutter is None:
        return [pieces]
    headings = _headings(pieces)
    crossing = [piece for piece in pieces if piece in headings or _crosses(piece, gutter)]
    if not crossing:
        left, right = _sides(pieces, gutter)
        return _flows(left) + _flows(right)
    flows: list[Pieces[Content]] = []
    for is_spanning, members in _bands(pieces, crossing):
        flows.extend([members] if is_spanning else _flows(members))
    return flows


def _headings(pieces: Pieces[Content]) -> Pieces[Content]:
    """Gives large pieces with nothing beside them: they head columns that they do not reach."""
    least_px = _HEADING_HEIGHT * _median_height(pieces)
    return [
        piece
        for piece in pieces
        if piece.box.height_px >= least_px
        and not any(other is not piece and _are_level(piece.box, other.box) for other in pieces)
    ]


def _bands(
    pieces: Pieces[Content], crossing: Pieces[Content]
) -> Iterator[tuple[bool, Pieces[Content]]]:
    """Parts a page from top to bottom where pieces lie across its columns."""

    def is_spanning(piece: Piece[Content]) -> bool:
        return any(item.box.top <= _middle(piece) / 2 < item.box.bottom for item in crossing)

    ordered = sorted(pieces, key=_middle)
    for spans, members in groupby(ordered, key=is_spanning):
        yield spans, list(members)


def _find_gutter(pieces: Pieces[Content]) -> int | None:
    """Gives the x of a gap between columns that as few pieces as possible lie across."""
    if len(pieces) < 2 * _COLUMN_ROWS:
        return None
    least_px = max(1, round(_GUTTER * _median_height(pieces)))
    coverage = _coverage(pieces)
    allowed = 0
    while allowed <= len(pieces) * _MOST_CROSSING:
        gaps = [gap for gap in _gaps(coverage, allowed) if gap[1] - gap[0] >= least_px]
        for start, end in sorted(gaps, key=lambda gap: gap[0] - gap[1]):
            if _parts_columns(pieces, (start + end) // 2, end - start):
                return (start + end) // 2
        allowed = max(1, 2 * allowed)
    return None


def _coverage(pieces: Pieces[Content]) -> list[tuple[int, int]]:
    """Gives `(x, number of pieces over it and what follows)` from left to right."""
    steps: dict[int, int] = {}
    for piece in pieces:
        steps[piece.box.left] = steps.get(piece.box.left, 0) + 1
        steps[piece.box.right] = steps.get(piece.box.right, 0) - 1
    covered = 0
    coverage: list[tuple[int, int]] = []
    for place in sorted(steps):
        covered += steps[place]
        coverage.append((place, covered))
    return coverage


def _gaps(coverage: Sequence[tuple[int, int]], allowed: int) -> Iterator[tuple[int, int]]:
    """Yields `(start, end)` of the stretches that at most so many pieces cover."""
    start: int | None = None
    for place, covered in coverage:
        if covered <= allowed and start is None:
            start = place
        elif covered > allowed and start is not None:
            yield start, place
            start = None


def _parts_columns(pieces: Pieces[Content], gutter: int, gap_px: int) -> bool:
    clear = [piece for piece in pieces if not _crosses(piece, gutter)]
    left, right = _sides(clear, gutter)
    return _is_running(left) and _is_running(right) and not _is_verse(left, right, gap_px)


def _is_running(pieces: Pieces[Content]) -> bool:
    """Tells whether pieces are lines of running text, in one column or several."""
    if len(pieces) < _COLUMN_ROWS:
        return False
    widths = sorted(piece.box.width_px for piece in pieces)
    full_px = widths[len(widths) * 4 // 5]
    lengths = sorted(piece.characters for piece in pieces)
    return (
        widths[len(widths) // 2] >= _COLUMN_FILL * full_px
        and lengths[len(lengths) // 2] >= _COLUMN_CHARACTERS
    )


def _is_verse(left: Pieces[Content], right: Pieces[Content], gap_px: int) -> bool:
    """Tells whether short pieces stand in pairs far apart, as the half-lines of verse do."""
    if len(left) != len(right) or gap_px < _VERSE_GAP * _median_height([*left, *right]):
        return False
    pairs = zip(sorted(left, key=_middle), sorted(right, key=_middle), strict=True)
    return all(
        _are_level(one.box, other.box) and max(one.characters, other.characters) < _VERSE_CHARACTERS
        for one, other in pairs
    )


def _sides(
    pieces: Pieces[Content], gutter: int
) -> tuple[list[Piece[Content]], list[Piece[Content]]]:
    left = [piece for piece in pieces if piece.box.left + piece.box.right <= 2 * gutter]
    right = [piece for piece in pieces if piece.box.left + piece.box.right > 2 * gutter]
    return left, right


def _crosses(piece: Piece[Content], gutter: int) -> bool:
    return piece.box.left < gutter < piece.box.right


def _rows_of(pieces: Pieces[Content]) -> Rows[Content]:
    """Groups pieces whose middles lie in one another's height; rows from top to bottom."""
    rows: Rows[Content] = []
    for piece in sorted(pieces, key=lambda item: (_middle(item), item.box.left)):
        if rows and _is_beside(rows[-1], piece):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    for row in rows:
        row.sort(key=lambda item: (item.box.left, item.box.top))
    return rows


def _is_beside(row: Pieces[Content], piece: Piece[Content]) -> bool:
    overlaps = any(
        min(item.box.right, piece.box.right) - max(item.box.left, piece.box.left)
        > 0.5 * min(item.box.width_px, piece.box.width_px)
        for item in row
    )
    return not overlaps and _are_level(row[-1].box, piece.box)


def _are_level(one: Box, other: Box) -> bool:
    common = min(one.bottom, other.bottom) - max(one.top, other.top)
    return common > 0.5 * min(one.height_px, other.height_px)


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


def _middle(piece: Piece[Content]) -> int:
    """Gives twice the y of the piece's middle, a whole number."""
    return piece.box.top + piece.box.bottom


def _median_height(pieces: Pieces[Content]) -> int:
    heights = sorted(piece.box.height_px for piece in pieces)
    return heights[len(heights) // 2]

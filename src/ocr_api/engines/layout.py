"""Turns the lines that an engine found into blocks in reading order: pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from ocr_api.pages import Block, Box, Direction, Line
from ocr_api.pages.cleaning import main_direction
from ocr_api.pages.reading_order import Piece, order_pieces
from ocr_api.pages.text import mean_confidence


def blocks_of(lines: Sequence[Line]) -> tuple[Block, ...]:
    """Gives blocks of lines in reading order; what stands side by side in a row is one line.

    Args:
        lines: Lines or pieces of them, in any order. The direction of most of what is written
            tells whether columns and rows go from right to left.
    """
    direction = main_direction(" ".join(line.text for line in lines))
    pieces = [Piece(line.box, _written(line.text), line) for line in lines]
    blocks: list[Block] = []
    for rows in order_pieces(pieces, right_to_left=direction is Direction.RTL):
        joined = tuple(_join_row([piece.content for piece in row]) for row in rows)
        blocks.append(Block(joined, Box.around(line.box for line in joined)))
    return tuple(blocks)


def _written(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _join_row(row: Sequence[Line]) -> Line:
    if len(row) == 1:
        return row[0]
    text = " ".join(line.text for line in row)
    words = tuple(word for line in row for word in line.words)
    confidence = mean_confidence((line.confidence, len(line.text)) for line in row)
    box = Box.around(line.box for line in row)
    return Line(text, box, words, main_direction(text), confidence)

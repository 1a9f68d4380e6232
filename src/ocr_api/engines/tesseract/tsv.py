"""Tesseract's TSV turned into words, lines and blocks: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ocr_api.engines.layout import blocks_of
from ocr_api.pages import Block, Box, Direction, Line, Word
from ocr_api.pages.cleaning import clean_text, main_direction, restore_arabic_punctuation
from ocr_api.pages.text import mean_confidence

_WORD_LEVEL = "5"
_COLUMNS = 12
_LEAST_CONFIDENCE = 0.15
_LEAST_CONFIDENCE_SHORT = 0.4
_SHORT = 12
"""Texture and dirt are read as few letters with little confidence; a whole line needs less."""
_WIDEST_SPACE = 0.7
"""Words of one piece of a line are at most this many word heights apart."""


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A word with its place in Tesseract's layout: `(block, paragraph, line)` numbers from 1."""

    place: tuple[int, int, int]
    word: Word


def parse_tsv(tsv: str) -> Iterator[PlacedWord]:
    """Yields the words of Tesseract's TSV in reading order, text cleaned, empty ones left out.

    Columns: level, page, block, paragraph, line, word, left, top, width, height, confidence
    (0..100), text (tesseract(1), "tsv").
    """
    for row in tsv.split("\n"):
        cells = row.split("\t", _COLUMNS - 1)
        if len(cells) < _COLUMNS or cells[0] != _WORD_LEVEL:
            continue
        text = clean_text(cells[11])
        if not text:
            continue
        left, top, width, height = (int(cell) for cell in cells[6:10])
        box = Box(left, top, left + width, top + height)
        confidence = min(max(float(cells[10]) / 100, 0.0), 1.0)
        place = (int(cells[2]), int(cells[3]), int(cells[4]))
        yield PlacedWord(place, Word(text, box, confidence))


def lines_of(words: Iterable[PlacedWord]) -> list[list[PlacedWord]]:
    """Gives the words line by line, in the order they come."""
    return [list(line) for _, line in groupby(words, key=lambda placed: placed.place)]


def build_blocks(words: Iterable[PlacedWord]) -> tuple[Block, ...]:
    """Gives blocks of lines of words in reading order.

    Tesseract takes columns under a heading for one, and a table's columns for blocks; so its
    lines are parted at wide gaps and put in order anew.

    Args:
        words: Line by line, in reading order within each line.
    """
    pieces = [piece for line in lines_of(words) for piece in _part(line)]
    has_quotes = any("\u00ab" in word.text for piece in pieces for word in piece)
    lines = [_build_line(piece, has_quotes=has_quotes) for piece in pieces]
    return blocks_of([line for line in lines if _is_credible(line)])


def _is_credible(line: Line) -> bool:
    least = _LEAST_CONFIDENCE_SHORT if len(line.text) < _SHORT else _LEAST_CONFIDENCE
    return line.confidence is None or line.confidence >= least


def _part(line: Sequence[PlacedWord]) -> Iterator[list[Word]]:
    """Yields the words of a line up to each gap wider than a space, or word at another height."""
    heights = sorted(item.word.box.height_px for item in line)
    widest_px = _WIDEST_SPACE * heights[len(heights) // 2]
    piece: list[Word] = []
    for item in line:
        if piece and not _are_neighbours(piece[-1].box, item.word.box, widest_px):
            yield piece
            piece = []
        piece.append(item.word)
    yield piece


def _are_neighbours(one: Box, other: Box, widest_px: float) -> bool:
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return across <= widest_px and down <= 0


def scale_word(placed: PlacedWord, factor: float, width_px: int, height_px: int) -> PlacedWord:
    """Gives the word with its box `factor` times as large, on a page of this size."""
    box = placed.word.box
    scaled = Box(
        int(box.left * factor),
        int(box.top * factor),
        round(box.right * factor),
        round(box.bottom * factor),
    )
    return replace(placed, word=replace(placed.word, box=scaled.clamp(width_px, height_px)))


def _build_line(words: list[Word], *, has_quotes: bool) -> Line:
    text = " ".join(word.text for word in words)
    direction = main_direction(text)
    if direction is Direction.RTL:
        text = restore_arabic_punctuation(text, has_quotes=has_quotes)
        tokens = text.split(" ")
        words = [replace(word, text=token) for word, token in zip(words, tokens, strict=True)]
    confidence = mean_confidence((word.confidence, len(word.text)) for word in words)
    return Line(text, Box.around(word.box for word in words), tuple(words), direction, confidence)

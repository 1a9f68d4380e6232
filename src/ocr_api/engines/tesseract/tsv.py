"""Tesseract's TSV turned into words, lines and blocks: pure."""

from __future__ import annotations

import re
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
_WIDEST_INSIDE = 1.5
"""Parts of one word are at most this many line heights apart: full-width marks that follow each
other may stand in the outer halves of their squares."""
_DIVIDED = re.compile(
    "[\u0e00-\u0e7f\u1100-\u11ff\u3000-\u31ff\u3400-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)
"""Thai, Hangul, Kana and Han with their marks: what Tesseract divides into words where no space is
(`UNICHARSET::IsSpaceDelimited`)."""


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A word as Tesseract divides writing into words.

    Attributes:
        place: In Tesseract's layout: `(block, paragraph, line)`, numbers from 1.
        word: What was read; the box in pixels of what was read.
        is_spaced: False = Tesseract saw no space to the left of it.
    """

    place: tuple[int, int, int]
    word: Word
    is_spaced: bool = True


def parse_tsv(tsv: str, is_spaced: Sequence[bool] = ()) -> Iterator[PlacedWord]:
    """Yields the words of Tesseract's TSV in reading order, text cleaned, empty ones left out.

    Args:
        tsv: Columns: level, page, block, paragraph, line, word, left, top, width, height,
            confidence (0..100), text (tesseract(1), "tsv").
        is_spaced: Of each word, empty ones too, whether a space was seen to the left of it; all are
            taken for seen where not of each word is told.
    """
    rows = [cells for row in tsv.split("\n") if (cells := _cells_of_word(row))]
    spaced = is_spaced if len(is_spaced) == len(rows) else (True,) * len(rows)
    for cells, has_space in zip(rows, spaced, strict=True):
        text = clean_text(cells[11])
        if not text:
            continue
        left, top, width, height = (int(cell) for cell in cells[6:10])
        box = Box(left, top, left + width, top + height)
        confidence = min(max(float(cells[10]) / 100, 0.0), 1.0)
        place = (int(cells[2]), int(cells[3]), int(cells[4]))
        yield PlacedWord(place, Word(text, box, confidence), has_space)


def _cells_of_word(row: str) -> list[str]:
    cells = row.split("\t", _COLUMNS - 1)
    return cells if len(cells) == _COLUMNS and cells[0] == _WORD_LEVEL else []


def lines_of(words: Iterable[PlacedWord]) -> list[list[PlacedWord]]:
    """Gives the words line by line, in the order they come."""
    return [list(line) for _, line in groupby(words, key=lambda placed: placed.place)]


def build_blocks(words: Iterable[PlacedWord]) -> tuple[Block, ...]:
    """Gives blocks of lines of words in reading order.

    Tesseract takes columns under a heading for one, and a table's columns for blocks; so its
    lines are parted at wide gaps and put in order anew. It also divides scripts without spaces
    into words; these are made whole again.

    Args:
        words: Line by line, in reading order within each line.
    """
    pieces = [piece for line in lines_of(words) for piece in _part(_whole_words(line))]
    has_quotes = any("\u00ab" in word.text for piece in pieces for word in piece)
    lines = [_build_line(piece, has_quotes=has_quotes) for piece in pieces]
    return blocks_of([line for line in lines if _is_credible(line)])


def _is_credible(line: Line) -> bool:
    least = _LEAST_CONFIDENCE_SHORT if len(line.text) < _SHORT else _LEAST_CONFIDENCE
    return line.confidence is None or line.confidence >= least


def _whole_words(line: Sequence[PlacedWord]) -> list[Word]:
    """Gives the words of a line as they are printed: parts with no space between them are one.

    Only where Tesseract divides: of words from right to left it tells the space on the wrong side.
    """
    text = " ".join(item.word.text for item in line)
    if not _DIVIDED.search(text) or main_direction(text) is Direction.RTL:
        return [item.word for item in line]
    widest_px = _WIDEST_INSIDE * max(item.word.box.height_px for item in line)
    words: list[Word] = []
    for item in line:
        if words and not item.is_spaced and _gap_px(words[-1].box, item.word.box) <= widest_px:
            words[-1] = _unite(words[-1], item.word)
        else:
            words.append(item.word)
    return words


def _unite(one: Word, other: Word) -> Word:
    parts = (one, other)
    # A mark at the start of a part may compose with the letter before it.
    text = clean_text(one.text + other.text)
    confidence = mean_confidence((part.confidence, len(part.text)) for part in parts)
    return Word(text, Box.around(part.box for part in parts), confidence)


def _part(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Yields the words of a line up to each gap wider than a space, or word at another height."""
    heights = sorted(word.box.height_px for word in words)
    widest_px = _WIDEST_SPACE * heights[len(heights) // 2]
    piece: list[Word] = []
    for word in words:
        if piece and not _are_neighbours(piece[-1].box, word.box, widest_px):
            yield piece
            piece = []
        piece.append(word)
    yield piece


def _are_neighbours(one: Box, other: Box, widest_px: float) -> bool:
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return _gap_px(one, other) <= widest_px and down <= 0


def _gap_px(one: Box, other: Box) -> int:
    """Gives how far two boxes are apart across, below 0 where they overlap."""
    return max(one.left, other.left) - min(one.right, other.right)


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

"""Tesseract's TSV turned into words, lines and blocks: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from ocr_api.pages import Block, Box, Direction, Line, Word
from ocr_api.pages.cleaning import clean_text, main_direction, restore_arabic_punctuation
from ocr_api.pages.text import mean_confidence

_WORD_LEVEL = "5"
_COLUMNS = 12


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
    """Gives blocks of lines of words; words must come in reading order."""
    blocks: list[Block] = []
    for _, members in groupby(words, key=lambda placed: placed.place[0]):
        lines = tuple(_build_line([item.word for item in line]) for line in lines_of(members))
        blocks.append(Block(lines, Box.around(line.box for line in lines)))
    return tuple(blocks)


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


def _build_line(words: list[Word]) -> Line:
    text = " ".join(word.text for word in words)
    direction = main_direction(text)
    if direction is Direction.RTL:
        text = restore_arabic_punctuation(text)
        tokens = text.split(" ")
        words = [replace(word, text=token) for word, token in zip(words, tokens, strict=True)]
    confidence = mean_confidence((word.confidence, len(word.text)) for word in words)
    return Line(text, Box.around(word.box for word in words), tuple(words), direction, confidence)

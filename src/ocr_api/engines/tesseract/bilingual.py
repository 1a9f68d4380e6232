"""Joins an Arabic and a Latin reading of one page, word by word: pure.

Tesseract's own `ara+eng` takes Latin for Arabic words that it is unsure of. Here the Arabic
reading is the ground, and a word of the Latin reading replaces what lies under it only where it
is clearly the better one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ocr_api.engines.tesseract.tsv import PlacedWord, lines_of
from ocr_api.pages import Box

_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_ARABIC = re.compile("[\u0620-\u064a\u0671-\u06d3]")
_LATIN_TOKEN = re.compile(r"[A-Za-z\u00c0-\u024f0-9][\w@.&/+#:'\-]*[,.;:!?)]?|[\w.%+-]+@[\w.-]+")
_SURE = 0.80
_LIKELY = 0.60
_LATIN_LINE_SHARE = 0.6


def is_latin_word(text: str, min_letters: int = 2) -> bool:
    """Tells whether a reading looks like a word or name in Latin letters."""
    return len(_LATIN.findall(text)) >= min_letters and _LATIN_TOKEN.fullmatch(text) is not None


def is_arabic_word(text: str, min_letters: int = 2) -> bool:
    """Tells whether a reading is a plausible Arabic word: Arabic letters, no digits or others."""
    letters = len(_ARABIC.findall(text))
    foreign = sum(char.isdigit() or _LATIN.match(char) is not None for char in text)
    return letters >= min_letters and foreign == 0


def join_readings(
    arabic: Sequence[PlacedWord], latin: Sequence[PlacedWord]
) -> tuple[PlacedWord, ...]:
    """Gives the Arabic reading with Latin words put in where they are the better ones.

    Args:
        arabic: Words of the page read as Arabic, in reading order.
        latin: Words of the same pixels read as Latin.
    """
    joined: list[PlacedWord] = []
    for line in lines_of(arabic):
        box = Box.around(item.word.box for item in line)
        beside = [item for item in latin if _on_line(item.word.box, box)]
        joined.extend(_join_line(line, beside))
    return tuple(joined)


def _join_line(line: Sequence[PlacedWord], latin: Sequence[PlacedWord]) -> list[PlacedWord]:
    chosen = [(item, _covered(line, item)) for item in latin]
    better = [(item, under) for item, under in chosen if under and _is_better(item, under)]
    if _is_latin_line(line, latin, [item for item, _ in better]):
        return [replace(item, place=line[0].place) for item in latin]
    return _replace_runs(line, better)


def _is_better(latin: PlacedWord, under: Sequence[PlacedWord]) -> bool:
    text, confidence = latin.word.text, latin.word.confidence or 0.0
    if not is_latin_word(text):
        return False
    below = [item.word for item in under]
    arabic_confidence = max((word.confidence or 0.0) for word in below)
    if any(is_arabic_word(word.text) for word in below):
        letters = len(_LATIN.findall(text))
        return letters >= 3 and confidence >= _LIKELY and confidence > arabic_confidence + 0.25
    return confidence >= _SURE or arabic_confidence < _SURE or confidence >= arabic_confidence


def _is_latin_line(
    line: Sequence[PlacedWord], latin: Sequence[PlacedWord], better: Sequence[PlacedWord]
) -> bool:
    """Tells whether the whole line is Latin: most of it better, and no sure Arabic word in it."""
    length = sum(len(item.word.text) for item in latin)
    taken = sum(len(item.word.text) for item in better)
    sure_arabic = [
        item
        for item in line
        if is_arabic_word(item.word.text, 3) and (item.word.confidence or 0.0) >= _SURE
    ]
    return length > 0 and taken >= _LATIN_LINE_SHARE * length and not sure_arabic


def _replace_runs(
    line: Sequence[PlacedWord], better: Sequence[tuple[PlacedWord, list[PlacedWord]]]
) -> list[PlacedWord]:
    """Puts the Latin words in; words that follow one another run from left to right."""
    replaced = {id(item) for _, under in better for item in under}
    result: list[PlacedWord] = []
    used: set[int] = set()
    index = 0
    while index < len(line):
        if id(line[index]) not in replaced:
            result.append(line[index])
            index += 1
            continue
        end = index
        while end < len(line) and id(line[end]) in replaced:
            end += 1
        run = {id(item) for item in line[index:end]}
        words = [
            item
            for item, under in better
            if id(item) not in used and any(id(member) in run for member in under)
        ]
        used.update(id(item) for item in words)
        words.sort(key=lambda item: item.word.box.left)
        result.extend(replace(item, place=line[0].place) for item in words)
        index = end
    return result


def _covered(line: Sequence[PlacedWord], latin: PlacedWord) -> list[PlacedWord]:
    """Gives the words of the line that lie mostly under the Latin word, or it in them."""
    box = latin.word.box
    return [item for item in line if _overlap(item.word.box, box) > 0.5]


def _overlap(one: Box, other: Box) -> float:
    """Gives the share of the narrower box that both have in common, across."""
    common = min(one.right, other.right) - max(one.left, other.left)
    return common / max(1, min(one.width_px, other.width_px))


def _on_line(word: Box, line: Box) -> bool:
    middle = (word.top + word.bottom) / 2
    return line.top <= middle < line.bottom and word.right > line.left and word.left < line.right

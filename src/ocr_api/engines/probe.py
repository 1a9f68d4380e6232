"""Reads a band of a page quickly, as Latin and as Arabic, to see which scripts are on it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ocr_api.engines import ink
from ocr_api.engines.tesseract_native import PAGE_SEGMENTATION_ONE_BLOCK, NativeReader
from ocr_api.errors import EngineError
from ocr_api.pages import Script

_LATIN_WORD = re.compile(r"[(\"']?[A-Za-z\u00c0-\u024f][A-Za-z\u00c0-\u024f@.\-']{3,}[,.;:)\"']?")
_ARABIC_WORD = re.compile("[\u0620-\u064a\u0671-\u06d3]{4,}[,.:\u060c\u061b]?")
_SURE = 85.0
_SURE_AMONG_FEW = 75.0
"""Few words are compared with themselves turned over, so less will do."""
_TEXT_HEIGHT_PX = 20.0
_MOST_PIECES = 500
FEW_PIECES = 150
_LATIN_LETTER = re.compile("[A-Za-z\u00c0-\u024f]")
_ARABIC_LETTER = re.compile("[\u0620-\u064a\u0671-\u06d3]")
_LIKELY = 45.0
_VERY_LIKELY = 60.0
_PROBES = {
    Script.LATIN: ("eng", _LATIN_WORD, _LATIN_LETTER),
    Script.ARABIC: ("ara", _ARABIC_WORD, _ARABIC_LETTER),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Letters and words read with confidence, by script."""

    latin_words: int = 0
    latin_letters: int = 0
    arabic_words: int = 0
    arabic_letters: int = 0

    def __add__(self, other: Evidence) -> Evidence:
        """Gives the evidence of two readings, each of another script."""
        return Evidence(
            self.latin_words + other.latin_words,
            self.latin_letters + other.latin_letters,
            self.arabic_words + other.arabic_words,
            self.arabic_letters + other.arabic_letters,
        )

    @property
    def letters(self) -> int:
        """Letters of both scripts."""
        return self.latin_letters + self.arabic_letters


class Prober:
    """Counts sure words of Latin and Arabic script on upright, level pages."""

    def __init__(self, reader: NativeReader) -> None:
        self._reader = reader

    def load(self) -> None:
        """Brings both languages into memory."""
        for language, *_ in _PROBES.values():
            self._reader.load(language)

    def probe(
        self,
        upright: ink.Grey,
        stats: ink.InkStatistics,
        *,
        besides: Script | None = None,
        most_pieces: int = _MOST_PIECES,
    ) -> Evidence:
        """Gives evidence from the middle of the page, at most about `most_pieces` pieces of ink.

        Args:
            upright: Even ground, upright and level.
            stats: What `measure_ink` says of the page.
            besides: A script that is known already and not looked for.
            most_pieces: How much is read at most; a Latin letter is a piece of ink.
        """
        band = _middle_band(upright, stats, most_pieces)
        least = _SURE if stats.pieces > FEW_PIECES else _SURE_AMONG_FEW
        latin, arabic = (
            self._sure_words(band, script, least) if script is not besides else []
            for script in (Script.LATIN, Script.ARABIC)
        )
        return Evidence(len(latin), _length(latin), len(arabic), _length(arabic))

    def guess(self, upright: ink.Grey, stats: ink.InkStatistics) -> tuple[Script, ...]:
        """Gives Arabic, maybe with Latin, where a few words look like that most; else nothing.

        For pages with too little on them to be sure of: a name, a sign, a headline.
        """
        band = _middle_band(upright, stats, FEW_PIECES)
        arabic = self._likelihood(band, Script.ARABIC)
        if arabic < _LIKELY:
            return ()
        latin = self._likelihood(band, Script.LATIN)
        if latin >= _VERY_LIKELY:
            return (Script.ARABIC, Script.LATIN)
        return (Script.ARABIC,) if arabic > latin else ()

    def _sure_words(self, band: ink.Grey, script: Script, least: float) -> list[str]:
        pattern = _PROBES[script][1]
        return [
            text
            for text, confidence in self._words(band, script)
            if confidence >= least and pattern.fullmatch(text)
        ]

    def _likelihood(self, band: ink.Grey, script: Script) -> float:
        """Gives the mean confidence (0..100) of what was read, 0 for all that is not letters."""
        words = self._words(band, script)
        letters = _PROBES[script][2]
        length = sum(len(text) for text, _ in words)
        return sum(confidence * len(letters.findall(text)) for text, confidence in words) / max(
            1, length
        )

    def _words(self, band: ink.Grey, script: Script) -> list[tuple[str, float]]:
        """Gives words and confidences (0..100) of a quick reading."""
        language = _PROBES[script][0]
        try:
            read = self._reader.read(band, language, segmentation=PAGE_SEGMENTATION_ONE_BLOCK)
        except EngineError:
            return []  # no evidence; the page may still be read
        rows = (row.split("\t", 11) for row in read.tsv.split("\n"))
        words = (row for row in rows if len(row) == 12 and row[0] == "5")
        return [(row[11].strip("\u200e\u200f "), float(row[10])) for row in words]


def other_script(named: Script, evidence: Evidence) -> Script | None:
    """Gives the second script of a page named Arabic or Latin, None = there is none."""
    if named is Script.ARABIC:
        is_mixed = evidence.latin_words >= 3 and evidence.latin_letters >= 12
        return Script.LATIN if is_mixed else None
    return Script.ARABIC if evidence.arabic_words >= 3 else None


def ranked_scripts(evidence: Evidence) -> tuple[Script, ...]:
    """Gives the scripts that both were looked for and found, the more frequent first."""
    found = [
        (letters, script)
        for letters, words, script in (
            (evidence.latin_letters, evidence.latin_words, Script.LATIN),
            (evidence.arabic_letters, evidence.arabic_words, Script.ARABIC),
        )
        if words >= 2 or letters >= 5
    ]
    return tuple(script for _, script in sorted(found, reverse=True, key=lambda pair: pair[0]))


def scripts_on_page(named: Script | None, evidence: Evidence, *, pieces: int) -> tuple[Script, ...]:
    """Gives the scripts on a page, the dominant one first; empty = unknown.

    Args:
        named: The script that detection named, None = it could not tell. Evidence of that script
            may be missing, since it was not looked for.
        evidence: Sure words of the scripts that were looked for.
        pieces: Pieces of ink on the page, a measure of how much writing there is.
    """
    if named is Script.ARABIC or named is Script.LATIN:
        other = other_script(named, evidence)
        return (named,) if other is None else (named, other)
    return _scripts_by_evidence(named, evidence, pieces)


def _scripts_by_evidence(
    named: Script | None, evidence: Evidence, pieces: int
) -> tuple[Script, ...]:
    """Overrules an unsure detection where much of the page reads well as Latin or Arabic."""
    ranked = ranked_scripts(evidence)
    if named is None:
        return ranked
    if ranked and evidence.letters >= 0.25 * pieces:
        return ranked
    return (named, *(script for script in ranked if script is Script.LATIN))


def _middle_band(upright: ink.Grey, stats: ink.InkStatistics, most_pieces: int) -> ink.Grey:
    """Gives the middle rows of the page, at a size that reads quickly."""
    band = ink.middle_rows(upright, stats, most_pieces)
    factor = min(_TEXT_HEIGHT_PX / max(stats.text_height_px, 1.0), 2.0)
    return np.ascontiguousarray(ink.resize(band, factor))


def _length(words: Iterable[str]) -> int:
    return sum(len(word) for word in words)

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
_TEXT_HEIGHT_PX = 20.0
_MOST_PIECES = 500
FEW_PIECES = 150
_PROBES = {Script.LATIN: ("eng", _LATIN_WORD), Script.ARABIC: ("ara", _ARABIC_WORD)}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Letters and words read with confidence, by script."""

    latin_words: int = 0
    latin_letters: int = 0
    arabic_words: int = 0
    arabic_letters: int = 0

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
        for language, _ in _PROBES.values():
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
        latin = self._sure_words(band, Script.LATIN) if besides is not Script.LATIN else []
        arabic = self._sure_words(band, Script.ARABIC) if besides is not Script.ARABIC else []
        return Evidence(len(latin), _length(latin), len(arabic), _length(arabic))

    def _sure_words(self, band: ink.Grey, script: Script) -> list[str]:
        language, pattern = _PROBES[script]
        try:
            tsv = self._reader.read_tsv(band, language, segmentation=PAGE_SEGMENTATION_ONE_BLOCK)
        except EngineError:
            return []  # no evidence; the page may still be read
        rows = (row.split("\t", 11) for row in tsv.split("\n"))
        words = (row for row in rows if len(row) == 12 and row[0] == "5")
        return [
            text
            for row in words
            if float(row[10]) >= _SURE and pattern.fullmatch(text := row[11].strip("\u200e\u200f "))
        ]


def scripts_on_page(named: Script | None, evidence: Evidence, *, pieces: int) -> tuple[Script, ...]:
    """Gives the scripts on a page, the dominant one first; empty = unknown.

    Args:
        named: The script that detection named, None = it could not tell. Evidence of that script
            may be missing, since it was not looked for.
        evidence: Sure words of the scripts that were looked for.
        pieces: Pieces of ink on the page, a measure of how much writing there is.
    """
    if named is Script.ARABIC:
        latin = evidence.latin_words >= 3 and evidence.latin_letters >= 12
        return (Script.ARABIC, Script.LATIN) if latin else (Script.ARABIC,)
    if named is Script.LATIN:
        arabic = evidence.arabic_words >= 3
        return (Script.LATIN, Script.ARABIC) if arabic else (Script.LATIN,)
    return _scripts_by_evidence(named, evidence, pieces)


def _scripts_by_evidence(
    named: Script | None, evidence: Evidence, pieces: int
) -> tuple[Script, ...]:
    """Overrules an unsure detection where much of the page reads well as Latin or Arabic."""
    found = [
        (letters, script)
        for letters, words, script in (
            (evidence.latin_letters, evidence.latin_words, Script.LATIN),
            (evidence.arabic_letters, evidence.arabic_words, Script.ARABIC),
        )
        if words >= 2 or letters >= 5
    ]
    ranked = [script for _, script in sorted(found, reverse=True, key=lambda pair: pair[0])]
    if named is None:
        return tuple(ranked)
    if ranked and evidence.letters >= 0.25 * pieces:
        return tuple(ranked)
    return (named, *(script for script in ranked if script is Script.LATIN))


def _middle_band(upright: ink.Grey, stats: ink.InkStatistics, most_pieces: int) -> ink.Grey:
    """Gives the middle rows of the page, at a size that reads quickly."""
    band = ink.middle_rows(upright, stats, most_pieces)
    factor = min(_TEXT_HEIGHT_PX / max(stats.text_height_px, 1.0), 2.0)
    return np.ascontiguousarray(ink.resize(band, factor))


def _length(words: Iterable[str]) -> int:
    return sum(len(word) for word in words)

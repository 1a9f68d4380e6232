"""Looks at a page before it is read: blank? upright? level? which scripts? how much print?"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from ocr_api.engines import ink
from ocr_api.engines.ground import even_out
from ocr_api.engines.probe import FEW_PIECES, Evidence, Prober, ranked_scripts, scripts_on_page
from ocr_api.engines.skew import estimate_skew_deg, turn_level
from ocr_api.engines.tessdata_index import find_languages
from ocr_api.engines.tesseract_native import NativeReader, Orientation, OrientationDetector
from ocr_api.pages import PageImage, PageTraits, Rotation, Script

_MAX_SIDE_PX = 8_000
_MAX_PIXELS = 2_200_000
_MOST_PIECES = 2_500
"""Pieces of ink that orientation detection looks at: its time grows faster than their number."""
_SMALL_TEXT_PX = 13.0
_LEGIBLE_TEXT_PX = 18.0
"""Smaller print than the former is enlarged to the latter: detection fails on it."""
_SURE_MARGIN = 4.0
"""Orientation margin from which detection is believed unread; clean pages reach 5 to 25."""
_SURE_SCRIPT = 10.0
"""Script confidence from which no second script is expected: of the evaluation pages, Arabic ones
reach 15 to 150, those mixed with English 3 to 8."""
_LIKELY_MARGIN = 1.5
_LEAST_LETTERS = 5
_LEAST_PIECES = 30
"""Fewer pieces of ink make no line whose slope could be told."""
_QUARTER_TURNS: tuple[Rotation, ...] = (0, 90, 180, 270)
_IN_ARABIC_SCRIPT = frozenset(
    {"ar", "ara", "fa", "fas", "per", "ps", "pus", "sd", "snd", "ug", "uig", "ur", "urd"}
)
"""ISO 639 codes of languages that are written in it."""
_SCRIPTS = {
    "Arabic": Script.ARABIC,
    "Latin": Script.LATIN,
    "Fraktur": Script.LATIN,
    "Han": Script.HAN,
    "HanS": Script.HAN,
    "HanT": Script.HAN,
    "Japanese": Script.JAPANESE,
    "Hiragana": Script.JAPANESE,
    "Katakana": Script.JAPANESE,
    "Korean": Script.HANGUL,
    "Hangul": Script.HANGUL,
    "Cyrillic": Script.CYRILLIC,
    "Greek": Script.GREEK,
    "Hebrew": Script.HEBREW,
}


@dataclass(frozen=True, slots=True)
class _Lie:
    """How a page lies: the turn that brings it upright, and what is known from finding out."""

    rotation_deg: Rotation
    confidence: float
    evidence: Evidence


class PageInspector:
    """An `Inspector` on Tesseract's orientation and script detection.

    Detection names one script a page, and Arabic for mixed pages; so a band of the page is read
    quickly, as Latin and as Arabic, and sure words count as evidence. The same reading decides how
    a page lies where detection is unsure. Loads its models when made (about 30 MB); close it.

    Raises:
        ModelLoadError: When made, if the shipped language data are missing or broken.
    """

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        del settings  # none yet; engines and inspectors are made alike
        languages = find_languages(environ=os.environ, with_system=False)
        self._reader = NativeReader(languages, timeout_s=10.0)
        self._prober = Prober(self._reader)
        self._detector = OrientationDetector()
        self._prober.load()

    def inspect(self, page: PageImage, languages: Sequence[str] = ()) -> PageTraits:
        """Gives the traits of a page; see `Inspector.inspect`.

        Where only languages in Arabic script were named, and detection is sure to see nothing but
        Arabic, no Latin is looked for.
        """
        if not ink.is_legible_shape(page):
            return PageTraits(is_blank=True, letters=0)
        even, stats = ink.without_specks(_work_image(page))
        if not ink.may_be_writing(stats):
            return PageTraits(is_blank=True, letters=0)
        is_sparse = stats.pieces < _LEAST_PIECES
        skew_deg = 0.0 if is_sparse else estimate_skew_deg(ink.ink_mask(even))
        level = turn_level(even, skew_deg)
        detected = self._detector.detect(ink.middle_rows(level, stats, _MOST_PIECES))
        lie = self._find_lie(level, stats, detected)
        return PageTraits(
            rotation_deg=lie.rotation_deg,
            skew_deg=skew_deg,
            scripts=self._find_scripts(level, stats, lie, detected, languages),
            rotation_confidence=lie.confidence,
            letters=stats.letters,
        )

    def close(self) -> None:
        """Frees the models; may be called twice."""
        self._detector.close()
        self._reader.close()

    def _find_lie(
        self, level: ink.Grey, stats: ink.InkStatistics, detected: Orientation | None
    ) -> _Lie:
        """Believes a sure detection; else reads the page in each of the four ways."""
        guess = cast("Rotation", detected.clockwise_deg if detected else 0)
        margin = detected.confidence if detected else 0.0
        if margin >= _SURE_MARGIN or _is_read_by_nobody(detected):
            return _Lie(guess, _certainty(margin), Evidence())
        seen: dict[Rotation, Evidence] = {
            turn: self._prober.probe(_turned(level, turn), stats, most_pieces=FEW_PIECES)
            for turn in _QUARTER_TURNS
        }
        best = max(seen, key=lambda turn: (seen[turn].letters, turn == guess, turn == 0))
        if seen[best].letters >= _LEAST_LETTERS:
            total = sum(evidence.letters for evidence in seen.values())
            return _Lie(best, seen[best].letters / total, seen[best])
        return _Lie(guess if margin >= _LIKELY_MARGIN else 0, _certainty(margin), Evidence())

    def _find_scripts(
        self,
        level: ink.Grey,
        stats: ink.InkStatistics,
        lie: _Lie,
        detected: Orientation | None,
        languages: Sequence[str],
    ) -> tuple[Script, ...]:
        if is_surely_arabic(detected, languages):
            return (Script.ARABIC,)
        named = _SCRIPTS.get(detected.script, Script.OTHER) if detected else None
        upright = _turned(level, lie.rotation_deg)
        if stats.pieces <= FEW_PIECES and (not detected or detected.confidence < _LIKELY_MARGIN):
            guessed = self._prober.guess(upright, stats)
            if guessed:
                return guessed
        if lie.evidence.letters and stats.pieces <= FEW_PIECES:
            return scripts_on_page(named, lie.evidence, pieces=stats.pieces)
        evidence = self._prober.probe(upright, stats, besides=named)
        scripts = scripts_on_page(named, evidence, pieces=stats.pieces)
        if named in scripts[:1] and set(scripts) == {Script.ARABIC, Script.LATIN}:
            # Detection may be wrong about the script, or about which there is more of.
            evidence += self._prober.probe(upright, stats, besides=scripts[1])
            return ranked_scripts(evidence) or scripts
        return scripts


def _work_image(page: PageImage) -> ink.Grey:
    grey = ink.grey_of(page)
    factor = ink.shrink_factor(grey, max_side_px=_MAX_SIDE_PX, max_pixels=_MAX_PIXELS)
    even = even_out(ink.resize(grey, factor))
    height_px = ink.measure_ink(ink.ink_mask(even)).text_height_px
    if not 0.0 < height_px < _SMALL_TEXT_PX:
        return even
    wished = min(_LEGIBLE_TEXT_PX / height_px, 2.5)
    return ink.resize(even, min(wished, (_MAX_PIXELS / even.size) ** 0.5))


def _turned(level: ink.Grey, clockwise_deg: Rotation) -> ink.Grey:
    return np.ascontiguousarray(np.rot90(level, k=-(clockwise_deg // 90)))


def is_surely_arabic(detected: Orientation | None, languages: Sequence[str]) -> bool:
    """Tells whether Arabic is all that is on a page: callers named no other, and it looks so.

    Args:
        detected: What detection found; None = nothing.
        languages: That the caller named; empty = none, and nothing is taken for sure.
    """
    if detected is None or _SCRIPTS.get(detected.script) is not Script.ARABIC:
        return False
    is_sure = detected.confidence >= _SURE_MARGIN and detected.script_confidence >= _SURE_SCRIPT
    codes = {re.split("[-_]", language.lower())[0] for language in languages}
    return is_sure and bool(codes) and codes <= _IN_ARABIC_SCRIPT


def _is_read_by_nobody(detected: Orientation | None) -> bool:
    """Tells whether a script was detected, likely enough, that the shipped data cannot read."""
    if detected is None or detected.confidence < _LIKELY_MARGIN:
        return False
    return _SCRIPTS.get(detected.script) not in {Script.ARABIC, Script.LATIN}


def _certainty(margin: float) -> float:
    """Gives 0..1 for a margin of log-likelihoods, 0.5 at the doubtful margin."""
    return round(margin / (margin + _LIKELY_MARGIN), 3) if margin > 0 else 0.0

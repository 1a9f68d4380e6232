"""What an inspector sees on a page before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Rotation = Literal[0, 90, 180, 270]


class Script(StrEnum):
    """Writing systems that routing tells apart (names as in ISO 15924, in English)."""

    ARABIC = "arabic"
    LATIN = "latin"
    HAN = "han"
    JAPANESE = "japanese"
    HANGUL = "hangul"
    CYRILLIC = "cyrillic"
    GREEK = "greek"
    HEBREW = "hebrew"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PageTraits:
    """What is known of a page before it is read.

    Attributes:
        is_blank: Nothing on the page looks like writing.
        rotation_deg: Clockwise quarter turns that bring the page upright.
        skew_deg: Small clockwise turn that makes the lines level once the page is upright,
            about -15..15; 0.0 = level or unknown.
        scripts: Scripts present, the dominant one first; empty = unknown.
        rotation_confidence: 0..1, None = not measured.
        letters: About how many letters are printed on it (see `engines/ink.py`), whatever its size
            and resolution; None = not measured. A typewritten page of 30 lines has 1500.
    """

    is_blank: bool = False
    rotation_deg: Rotation = 0
    skew_deg: float = 0.0
    scripts: tuple[Script, ...] = ()
    rotation_confidence: float | None = None
    letters: int | None = None

    @property
    def is_mixed(self) -> bool:
        """More than one script is on the page."""
        return len(self.scripts) > 1

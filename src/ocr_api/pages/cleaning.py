"""Cleans recognised text: order and printed characters stay, only the encoding changes."""

from __future__ import annotations

import re
import unicodedata

from ocr_api.pages.text import Direction

_BIDI_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_OTHER_CONTROLS = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufeff\ufffe\uffff]"
)
_PRESENTATION_FORMS = re.compile("[\ufb1d-\ufdff\ufe70-\ufefc]")
_WHITE_SPACE = re.compile(r"\s+")
_ARABIC_LETTER = "[\u0620-\u064a\u0671-\u06d3\u06d5\u064b-\u0652\u0670]"
_ARABIC_PUNCTUATION = {",": "\u060c", ";": "\u061b", "?": "\u061f"}
_LATIN_MARK_IN_ARABIC = re.compile(
    rf"(?<={_ARABIC_LETTER})([,;?])(?=\s|$)|(?<=[0-9\u0660-\u0669])([,;])(?=\s+{_ARABIC_LETTER})"
)
_QUOTE_IN_ARABIC = re.compile(rf"(?<={_ARABIC_LETTER})\u00bb(?=\s|$)")
_RIGHT_TO_LEFT = frozenset(("R", "AL"))


def clean_text(text: str) -> str:
    """Gives the same printed characters in one encoding: NFC, no presentation forms, no controls.

    Arabic and Hebrew presentation forms (U+FB1D-FDFF, U+FE70-FEFC) are folded to letters; nothing
    else is folded, so that ligatures of Latin, full-width forms, digits, tashkeel and tatweel stay
    as they are printed. Bidi controls go (direction is told by `Direction`), joiners stay. White
    space becomes single spaces; none is left at the ends. Idempotent.
    """
    visible = _OTHER_CONTROLS.sub("", _BIDI_CONTROLS.sub("", text))
    letters = _PRESENTATION_FORMS.sub(_letters_of, visible)
    composed = unicodedata.normalize("NFC", letters)
    return _WHITE_SPACE.sub(" ", composed).strip()


def restore_arabic_punctuation(text: str, *, has_quotes: bool = True) -> str:
    """Gives Arabic comma, semicolon and question mark where an Arabic word ends in a Latin one.

    For recognisers whose alphabet lacks the Arabic marks: Tesseract's `ara` has no U+060C, and
    gives a comma or a closing quotation mark for it. Marks inside numbers and behind Latin words
    stay.

    Args:
        text: A line.
        has_quotes: Whether the page has opening quotation marks, so that closing ones are meant.
    """
    if not has_quotes:
        text = _QUOTE_IN_ARABIC.sub(",", text)
    return _LATIN_MARK_IN_ARABIC.sub(
        lambda found: _ARABIC_PUNCTUATION[found.group(1) or found.group(2)], text
    )


def main_direction(text: str) -> Direction:
    """Gives the direction that most letters have; digits and punctuation do not count.

    A tie goes to the first letter; text without letters is left to right.
    """
    votes = [_votes_rtl(char) for char in text]
    cast = [vote for vote in votes if vote is not None]
    right, left = cast.count(True), cast.count(False)
    if right == left:
        return Direction.RTL if cast and cast[0] else Direction.LTR
    return Direction.RTL if right > left else Direction.LTR


def _votes_rtl(char: str) -> bool | None:
    bidi_class = unicodedata.bidirectional(char)
    if bidi_class in _RIGHT_TO_LEFT:
        return True
    return False if bidi_class == "L" else None


def _letters_of(found: re.Match[str]) -> str:
    """Gives the letters of one presentation form, without the space that carries lone marks."""
    return unicodedata.normalize("NFKC", found.group()).replace(" ", "")

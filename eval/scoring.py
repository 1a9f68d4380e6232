"""Scores recognised text against a reference: normalisation and error rates, pure.

The rules, on both sides and in this order:

- `std`: NFC, NFKC (presentation forms, ligatures, full-width forms fold); bidi and zero-width
  controls removed; typographic quotes and dashes become ASCII; a combining small e becomes a
  diaeresis; runs of white space become one space. Case, punctuation, digits, tashkeel, tatweel and
  letters stay.
- `ar-bare`: `std`, then tatweel, tashkeel and Qur'anic marks removed; Arabic-Indic and Persian
  digits become ASCII; no white space before closing and after opening punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from rapidfuzz.distance import Levenshtein

Normalisation = Literal["std", "ar-bare"]

_CONTROLS = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\u00ad]")
_ARABIC_MARKS = re.compile("[\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
_BEFORE_CLOSING = re.compile("\\s+([,.:;!?)\\]\u060c\u061b\u061f\u00bb])")
_AFTER_OPENING = re.compile("([(\\[\u00ab])\\s+")
_PLAIN_QUOTES_AND_DASHES = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    }
)
_ASCII_DIGITS = {first + digit: str(digit) for first in (0x660, 0x6F0) for digit in range(10)}


def normalise(text: str, rules: Normalisation) -> str:
    """Gives the text under the rules of the module's docstring."""
    compatible = unicodedata.normalize("NFKC", unicodedata.normalize("NFC", text))
    plain = _CONTROLS.sub("", compatible).translate(_PLAIN_QUOTES_AND_DASHES)
    standard = _single_spaced(unicodedata.normalize("NFC", plain.replace("\u0364", "\u0308")))
    if rules == "std":
        return standard
    bare = _ARABIC_MARKS.sub("", standard).translate(_ASCII_DIGITS)
    return _single_spaced(_AFTER_OPENING.sub(r"\1", _BEFORE_CLOSING.sub(r"\1", bare)))


def character_error_rate(reference: str, read: str, rules: Normalisation) -> float:
    """Gives edits (Levenshtein, code points) per character of the reference; may exceed 1.

    An empty reference gives the number of characters read.
    """
    expected, found = normalise(reference, rules), normalise(read, rules)
    return Levenshtein.distance(expected, found) / max(1, len(expected))


def word_error_rate(reference: str, read: str, rules: Normalisation) -> float:
    """Gives edits (Levenshtein, words between white space) per word of the reference."""
    expected, found = normalise(reference, rules).split(), normalise(read, rules).split()
    return Levenshtein.distance(expected, found) / max(1, len(expected))


def _single_spaced(text: str) -> str:
    return " ".join(text.split())

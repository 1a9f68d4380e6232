"""Cleaned text is what is printed, in one encoding."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.pages import Direction
from ocr_api.pages.cleaning import clean_text, main_direction, restore_arabic_punctuation

ARABIC_AND_MORE = st.text(
    st.one_of(
        st.characters(min_codepoint=0x0600, max_codepoint=0x06FF),
        st.characters(min_codepoint=0xFB1D, max_codepoint=0xFDFF),
        st.characters(min_codepoint=0xFE70, max_codepoint=0xFEFF),
        st.characters(min_codepoint=0x2000, max_codepoint=0x206F),
        st.characters(max_codepoint=0x24F),
    ),
    max_size=30,
)


@given(ARABIC_AND_MORE | st.text(max_size=30))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = clean_text(text)

    assert clean_text(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert not any(unicodedata.bidirectional(char) in {"RLO", "LRE", "RLI", "PDI"} for char in once)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\u200eGoogle\u200f", "Google"),
        ("\ufedf\ufe8e", "\u0644\u0627"),  # presentation forms of lam and alef
        ("\ufefb", "\u0644\u0627"),  # the lam-alef ligature
        ("\ufe71", "\u0640\u064b"),
        ("\u0628\u0640\u0640\u0628", "\u0628\u0640\u0640\u0628"),  # tatweel stays
        ("\u0661\u0662 12", "\u0661\u0662 12"),  # digits stay
        ("\u0628\u0650\u0633\u0652\u0645", "\u0628\u0650\u0633\u0652\u0645"),  # tashkeel stays
        ("\ufb01n \uff21 \u00bd", "\ufb01n \uff21 \u00bd"),  # printed ligatures and forms stay
        ("e\u0301", "\u00e9"),
        (" a \t\n b\x00 ", "a b"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),  # Persian joiners stay
    ],
)
def test_only_the_encoding_changes(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("abc", Direction.LTR),
        ("\u0628\u0628 a 123", Direction.RTL),
        ("abc \u0628", Direction.LTR),
        ("\u0628 a", Direction.RTL),
        ("123 ,.", Direction.LTR),
        ("", Direction.LTR),
    ],
)
def test_direction_is_that_of_most_letters(text: str, direction: Direction) -> None:
    assert main_direction(text) is direction


@pytest.mark.parametrize(
    ("read", "printed"),
    [
        ("\u0643\u062a\u0628, \u0648", "\u0643\u062a\u0628\u060c \u0648"),
        ("\u0643\u062a\u0628?", "\u0643\u062a\u0628\u061f"),
        ("1,250 \u0648", "1,250 \u0648"),
        ("2008, \u0648", "2008\u060c \u0648"),
        ("OCR, \u0648", "OCR, \u0648"),
    ],
)
def test_arabic_words_end_in_arabic_punctuation(read: str, printed: str) -> None:
    assert restore_arabic_punctuation(read) == printed


def test_closing_quotation_mark_without_an_opening_one_was_a_comma() -> None:
    read = "\u0643\u062a\u0628\u00bb \u0648"

    assert restore_arabic_punctuation(read) == read
    assert restore_arabic_punctuation(read, has_quotes=False) == "\u0643\u062a\u0628\u060c \u0648"

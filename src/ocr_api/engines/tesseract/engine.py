"""Reads pages with Tesseract: even ground, right size, second looks where ink was left unread."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from ocr_api.engines import ink
from ocr_api.engines.base import ReadOptions, stopped
from ocr_api.engines.ground import even_out
from ocr_api.engines.tessdata_index import LanguageData, find_languages
from ocr_api.engines.tesseract.bilingual import join_readings
from ocr_api.engines.tesseract.languages import ReadingPlan, plan_reading
from ocr_api.engines.tesseract.tsv import PlacedWord, build_blocks, parse_tsv, scale_word
from ocr_api.engines.tesseract_native import (
    PAGE_SEGMENTATION_AUTO,
    PAGE_SEGMENTATION_ONE_BLOCK,
    PAGE_SEGMENTATION_ONE_LINE,
    PAGE_SEGMENTATION_SPARSE,
    NativeReader,
)
from ocr_api.errors import EngineMemoryError, ModelLoadError
from ocr_api.pages import PageImage, PageText, PageTraits

_TEXT_HEIGHT_PX = 24.0
"""Text height (see `InkStatistics`) at which best_int reads best; measured over 12..34 px."""
_LOOKS = (
    (1.0, PAGE_SEGMENTATION_AUTO),
    (1.0, PAGE_SEGMENTATION_ONE_BLOCK),
    (0.8, PAGE_SEGMENTATION_AUTO),
    (1.3, PAGE_SEGMENTATION_AUTO),
    (1.0, PAGE_SEGMENTATION_SPARSE),
    (1.0, PAGE_SEGMENTATION_ONE_LINE),
)
"""Sizes relative to `_TEXT_HEIGHT_PX` and page segmentations, tried in turn; one usually does."""
_FOR_FEW_WORDS = (PAGE_SEGMENTATION_SPARSE, PAGE_SEGMENTATION_ONE_LINE)
_MOST_UNREAD = 0.04
_MOSTLY_UNREAD = 0.5
_ONE_LINE_PIECES = 60
_LEAST_CONFIDENCE = 0.70
_MAX_PIXELS = 12_000_000
_MAX_SIDE_PX = 6_000
_FACTORS = (0.1, 4.0)


@dataclass(frozen=True, slots=True)
class _Look:
    """One reading of a page at one size: words in pixels of the page, and how good it seems."""

    words: tuple[PlacedWord, ...]
    worth: float
    is_whole: bool
    unread_share: float


class TesseractEngine:
    """Tesseract behind the `Engine` protocol.

    Settings (all optional): `data_dirs` (list of folders with `.traineddata`, looked at before
    the shipped ones), `preload` (language string loaded at start, default `"ara"`), `timeout_s`
    (per reading, default 60), `with_system` (look for an installed Tesseract's data, default
    True).
    """

    def __init__(self, settings: Mapping[str, object]) -> None:
        self._settings = settings
        self._languages: dict[str, LanguageData] = {}
        self._reader: NativeReader | None = None

    def load(self) -> None:
        """Finds the languages and loads the first; see `Engine.load`."""
        self._languages = find_languages(
            _folders(self._settings.get("data_dirs")),
            environ=os.environ,
            with_system=bool(self._settings.get("with_system", True)),
        )
        timeout_s = float(str(self._settings.get("timeout_s", 60)))
        self._reader = NativeReader(self._languages, timeout_s=timeout_s)
        self._reader.load(str(self._settings.get("preload", "ara")))

    def read(
        self,
        pages: Sequence[PageImage],
        *,
        options: ReadOptions,
        on_text: Callable[[int, str], None],
        should_stop: Callable[[int], bool],
    ) -> Sequence[PageText]:
        """Reads upright pages; see `Engine.read`."""
        texts: list[PageText] = []
        for index, page in enumerate(pages):
            traits = options.traits[index] if index < len(options.traits) else PageTraits()
            plan = plan_reading(options.languages, traits, self._languages)
            text = self._read_page(page, plan, partial(should_stop, index))
            if text.text:
                on_text(index, text.text)
            texts.append(text)
        return texts

    def close(self) -> None:
        """Frees the models; may be called twice."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _read_page(
        self, page: PageImage, plan: ReadingPlan, should_stop: Callable[[], bool]
    ) -> PageText:
        try:
            best = _best_look(self._looks(page, plan), should_stop)
        except MemoryError as exc:
            raise EngineMemoryError("Tesseract ran out of memory on the page.") from exc
        blocks = build_blocks(best.words) if best else ()
        warnings = plan.warnings if blocks else ()
        found = PageText(page.width_px, page.height_px, blocks, warnings=warnings)
        return stopped(found) if should_stop() else found

    def _looks(self, page: PageImage, plan: ReadingPlan) -> Iterator[_Look]:
        """Reads the page at one size after the other, as long as the caller asks for more."""
        if not ink.is_legible_shape(page):
            return
        grey = ink.grey_of(page)
        bound = ink.shrink_factor(grey, max_side_px=_MAX_SIDE_PX, max_pixels=_MAX_PIXELS)
        even, stats = ink.without_specks(even_out(ink.resize(grey, bound)))
        if not ink.may_be_writing(stats):
            return
        unread_share = 1.0
        for size, segmentation in _LOOKS:
            if segmentation in _FOR_FEW_WORDS and unread_share < _MOSTLY_UNREAD:
                return
            if segmentation == PAGE_SEGMENTATION_ONE_LINE and stats.pieces > _ONE_LINE_PIECES:
                return
            factor = _size_factor(even, stats.text_height_px, size)
            sized = ink.isolate_letters(ink.resize(even, factor), stats.text_height_px * factor)
            words = self._read_sized(sized, plan, segmentation)
            look = _judge(sized, words, page, bound * factor)
            unread_share = min(unread_share, look.unread_share)
            yield look

    def _read_sized(
        self, sized: ink.Grey, plan: ReadingPlan, segmentation: int
    ) -> tuple[PlacedWord, ...]:
        words = self._words(sized, plan.languages, segmentation)
        if plan.latin is not None:
            words = join_readings(words, self._words(sized, plan.latin, segmentation))
        return words

    def _words(self, sized: ink.Grey, languages: str, segmentation: int) -> tuple[PlacedWord, ...]:
        if self._reader is None:
            raise ModelLoadError("The Tesseract engine was not loaded.")
        read = self._reader.read(sized, languages, segmentation=segmentation)
        return tuple(parse_tsv(read.tsv, read.is_spaced))


def _size_factor(even: ink.Grey, text_height_px: float, size: float) -> float:
    """Gives the factor that brings letters to `size` times the best height, within the bounds."""
    lowest, highest = _FACTORS
    factor = min(max(_TEXT_HEIGHT_PX * size / text_height_px, lowest), highest)
    return factor * float(min(1.0, (_MAX_PIXELS / (even.size * factor**2)) ** 0.5))


def _best_look(looks: Iterable[_Look], should_stop: Callable[[], bool]) -> _Look | None:
    """Gives the look worth most; stops at the first that left nothing unread."""
    best: _Look | None = None
    for look in looks:
        if best is None or look.worth > best.worth:
            best = look
        if look.is_whole or should_stop():
            break
    return best


def _judge(sized: ink.Grey, words: tuple[PlacedWord, ...], page: PageImage, factor: float) -> _Look:
    certain = sum((item.word.confidence or 0.0) * len(item.word.text) for item in words)
    length = sum(len(item.word.text) for item in words)
    confidence = certain / length if length else 0.0
    unread_share = _unread_share(sized, words)
    is_whole = confidence >= _LEAST_CONFIDENCE and unread_share <= _MOST_UNREAD
    placed = tuple(scale_word(item, 1 / factor, page.width_px, page.height_px) for item in words)
    return _Look(placed, certain * confidence, is_whole, unread_share)


def _unread_share(sized: ink.Grey, words: Iterable[PlacedWord]) -> float:
    """Gives the share of letter ink (0..1) that lies in no word."""
    letters = ink.letter_mask(ink.ink_mask(sized))
    total = int(np.count_nonzero(letters))
    if total == 0:
        return 0.0
    for item in words:
        box = item.word.box
        letters[box.top : box.bottom, box.left : box.right] = 0
    return int(np.count_nonzero(letters)) / total


def _folders(value: object) -> list[Path]:
    if isinstance(value, str):
        return [Path(value)]
    if isinstance(value, Sequence):
        return [Path(str(item)) for item in cast("Sequence[object]", value)]
    return []

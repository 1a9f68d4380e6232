"""Reads pages with PP-OCRv6 through RapidOCR on ONNX Runtime: Latin, Chinese and Japanese."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rapidocr import RapidOCR

from ocr_api.engines import ink
from ocr_api.engines.base import ReadOptions, stopped_page
from ocr_api.engines.ground import even_out
from ocr_api.engines.layout import blocks_of
from ocr_api.errors import EngineError, EngineMemoryError, ModelLoadError
from ocr_api.pages import Block, Box, Line, PageImage, PageText, PageTraits, Script, Word
from ocr_api.pages.cleaning import clean_text, main_direction

_MAX_PIXELS = 12_000_000
_MAX_SIDE_PX = 6_000
_TEXT_HEIGHT_PX = (16.0, 40.0)
"""Text heights (see `InkStatistics`) that are read as they are; others are resized to these."""
_DETECTOR_SIDE_PX = 960
_DETECTOR_MAX_PIXELS = 2_800_000
_DETECTOR_TEXT_PX = 11.0
"""Text height that the detector needs; pages of small print get a larger detector image."""
_SURE_ALONE = 0.85
"""A lone character that is less sure is a speck more often than writing."""
_READ_SCRIPTS = frozenset((Script.LATIN, Script.HAN, Script.JAPANESE))

Pixels = npt.NDArray[np.uint8]


class RapidOcrEngine:
    """RapidOCR behind the `Engine` protocol; models come with the package, nothing is fetched.

    Settings (all optional): `threads` (of ONNX Runtime, default 1 since processes run side by
    side), `text_score` (0..1, lines below are dropped, default 0.5).
    """

    def __init__(self, settings: Mapping[str, object]) -> None:
        self._settings = settings
        self._ocr: Any = None

    def load(self) -> None:
        """Loads detector and recogniser; see `Engine.load`."""
        threads = int(str(self._settings.get("threads", 1)))
        params = {
            "Global.use_cls": False,  # the angle classifier turns upright lines over
            "Global.log_level": "critical",
            "Global.text_score": float(str(self._settings.get("text_score", 0.5))),
            "Global.max_side_len": _MAX_SIDE_PX,
            "Global.return_word_box": True,
            "Det.limit_type": "max",
            "Det.limit_side_len": _DETECTOR_SIDE_PX,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        try:
            self._ocr = RapidOCR(params=params)
            blank = np.full((64, 64, 3), 255, np.uint8)
            self._ocr(blank)  # loads the detector now, not at the first page
            self._ocr(blank, use_det=False)
        except Exception as exc:  # the library raises anything
            raise ModelLoadError("RapidOCR cannot load its models; reinstall it.") from exc
        self._ocr.use_det = True

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
            if should_stop(index):
                texts.append(stopped_page(page))
                continue
            traits = options.traits[index] if index < len(options.traits) else PageTraits()
            blocks = self._read_page(page)
            warnings: tuple[str, ...] = _warnings(traits) if blocks else ()
            text = PageText(page.width_px, page.height_px, blocks, warnings=warnings)
            if text.text:
                on_text(index, text.text)
            texts.append(text)
        return texts

    def close(self) -> None:
        """Frees the models; may be called twice."""
        self._ocr = None

    def _read_page(self, page: PageImage) -> tuple[Block, ...]:
        if self._ocr is None:
            raise ModelLoadError("The RapidOCR engine was not loaded.")
        if not ink.is_legible_shape(page):
            return ()
        pixels, factor, text_height_px = _sized_pixels(page)
        if text_height_px == 0.0:
            return ()
        self._ocr.text_det.limit_side_len = _detector_side(pixels, text_height_px)
        lines = self._recognise(pixels)
        built = [_build_line(line, factor, page) for line in lines]
        return blocks_of([line for line in built if line is not None])

    def _recognise(self, pixels: Pixels) -> list[_FoundLine]:
        try:
            found = self._ocr(pixels)
        except MemoryError as exc:
            raise EngineMemoryError("RapidOCR ran out of memory on the page.") from exc
        except Exception as exc:  # the library raises anything
            raise EngineError("RapidOCR failed on the page; try another model.") from exc
        if found.txts is None or found.boxes is None:
            return []
        words = found.word_results if len(found.word_results) == len(found.txts) else ()
        return [
            (str(text), float(score), np.asarray(box), words[number] if words else ())
            for number, (text, score, box) in enumerate(
                zip(found.txts, found.scores, found.boxes, strict=True)
            )
        ]


_FoundLine = tuple[str, float, npt.NDArray[Any], Sequence[Any]]


def _sized_pixels(page: PageImage) -> tuple[Pixels, float, float]:
    """Gives BGR pixels with letters of legible size, their factor, and the text height in them."""
    grey = ink.grey_of(page)
    bound = ink.shrink_factor(grey, max_side_px=_MAX_SIDE_PX, max_pixels=_MAX_PIXELS)
    sized = ink.resize(grey, bound)
    # Even ground is for measuring only: photographs were read better as they are.
    _, stats = ink.without_specks(even_out(sized))
    if not ink.may_be_writing(stats):
        return sized, bound, 0.0
    height_px = stats.text_height_px
    wished = min(max(height_px, _TEXT_HEIGHT_PX[0]), _TEXT_HEIGHT_PX[1]) / height_px
    wished = min(wished, 3.0, _MAX_SIDE_PX / max(sized.shape), (_MAX_PIXELS / sized.size) ** 0.5)
    sized = ink.resize(sized, wished)
    bgr = np.asarray(cv2.cvtColor(sized, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    return bgr, bound * wished, height_px * wished


def _detector_side(pixels: Pixels, text_height_px: float) -> int:
    short, long = sorted(pixels.shape[:2])
    wished = max(long * _DETECTOR_TEXT_PX / text_height_px, _DETECTOR_SIDE_PX)
    return round(float(min(wished, (_DETECTOR_MAX_PIXELS * long / short) ** 0.5)))


def _build_line(found: _FoundLine, factor: float, page: PageImage) -> Line | None:
    raw, score, corners, found_words = found
    text = clean_text(raw)
    if not text or (len(text) == 1 and score < _SURE_ALONE):
        return None
    box = _box(corners, factor, page)
    confidence = min(max(score, 0.0), 1.0)
    words = _words(
        text,
        box,
        confidence,
        [(str(w[0]), _box(np.asarray(w[2]), factor, page)) for w in found_words],
    )
    return Line(text, box, words, main_direction(text), confidence)


def _words(
    text: str, box: Box, confidence: float, found: Sequence[tuple[str, Box]]
) -> tuple[Word, ...]:
    """Gives the line's words with the recogniser's boxes, or an even share of the line's box."""
    tokens = text.split(" ")
    by_token = _group_by_token(tokens, found)
    words: list[Word] = []
    start = 0
    for number, token in enumerate(tokens):
        if by_token is not None:
            place = Box.around(by_token[number])
        else:
            left = box.left + box.width_px * start // len(text)
            right = box.left + box.width_px * (start + len(token)) // len(text)
            place = Box(left, box.top, right, box.bottom)
        words.append(Word(token, place, confidence))
        start += len(token) + 1
    return tuple(words)


def _group_by_token(
    tokens: Sequence[str], found: Sequence[tuple[str, Box]]
) -> list[list[Box]] | None:
    """Gives the boxes of each token where the recogniser's words spell the tokens, else None."""
    groups: list[list[Box]] = []
    waiting = list(found)
    for token in tokens:
        spelt = ""
        boxes: list[Box] = []
        while waiting and spelt != token:
            part, box = waiting.pop(0)
            spelt += part.strip()
            boxes.append(box)
        if spelt != token:
            return None
        groups.append(boxes)
    return groups


def _box(corners: npt.NDArray[Any], factor: float, page: PageImage) -> Box:
    points = corners.reshape(-1, 2) / factor
    left, top = np.floor(points.min(axis=0))
    right, bottom = np.ceil(points.max(axis=0))
    box = Box(int(left), int(top), int(right), int(bottom))
    return box.clamp(page.width_px, page.height_px)


def _warnings(traits: PageTraits) -> tuple[str, ...]:
    foreign = [script for script in traits.scripts if script not in _READ_SCRIPTS]
    return tuple(
        f"This model does not read {script} script; such words are wrong." for script in foreign
    )

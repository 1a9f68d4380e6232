"""An engine for tests: says what it is told to, and fails in the way it is told to."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, assert_never, cast, get_args

from ocr_api.engines.base import ReadOptions, stopped_page
from ocr_api.errors import EngineError, EngineMemoryError, ModelLoadError
from ocr_api.pages import Block, Box, Line, PageImage, PageText, Word
from ocr_api.pages.cleaning import clean_text, main_direction

DEFAULT_TEXT = "scripted page"
Failure = Literal["crash", "hang", "memory", "error", "stop", "exit"]
_TICK_S = 0.02
_BLANK_LEVEL = 250


class ScriptedEngine:
    """Reads nothing; answers from the settings and `ReadOptions.extra` (the latter wins).

    Keys: `text` (default "scripted page"; a form feed parts pages; `{width}`, `{height}` and
    `{ink}`, the number of black bytes, tell which page it was), `delay_s` (per page), `fail`
    (`crash` kills the process, `exit` ends it, `hang` never returns and does not ask
    `should_stop`, `memory` and `error` raise, `stop` waits until `should_stop`), `fail_times`
    (fail only in the first N attempts; left out = always), `attempt` (1.., set by the worker),
    `load_delay_s` and `fail_load` (settings only).
    """

    def __init__(self, settings: Mapping[str, object]) -> None:
        self._settings = settings

    def load(self) -> None:
        """Waits `load_delay_s`; raises `ModelLoadError` where `fail_load` is set."""
        time.sleep(_number(self._settings, "load_delay_s", 0.0))
        if self._settings.get("fail_load"):
            raise ModelLoadError("The scripted engine was told not to load.")

    def read(
        self,
        pages: Sequence[PageImage],
        *,
        options: ReadOptions,
        on_text: Callable[[int, str], None],
        should_stop: Callable[[int], bool],
    ) -> Sequence[PageText]:
        """Gives the scripted text a page; see `Engine.read`."""
        script = {**self._settings, **options.extra}
        texts = str(script.get("text", DEFAULT_TEXT)).split("\f")
        answers: list[PageText] = []
        for index, page in enumerate(pages):
            is_over = partial(should_stop, index)
            if is_over() or not _wait(_number(script, "delay_s", 0.0), is_over):
                answers.append(stopped_page(page))
                continue
            _fail_if_told(script, is_over)
            text = "" if _is_blank(page) else _told(texts[min(index, len(texts) - 1)], page)
            if text:
                on_text(index, text)
            answers.append(_page_text(page, text))
        return answers

    def close(self) -> None:
        """Does nothing: nothing was taken."""


def _fail_if_told(script: Mapping[str, object], should_stop: Callable[[], bool]) -> None:
    wish = script.get("fail")
    attempt = _number(script, "attempt", 1)
    if wish is None or attempt > _number(script, "fail_times", float("inf")):
        return
    if wish not in get_args(Failure):
        msg = f"The scripted engine knows no failure {wish!r}."
        raise EngineError(msg)
    _fail(cast("Failure", wish), should_stop)


def _fail(failure: Failure, should_stop: Callable[[], bool]) -> None:
    match failure:
        case "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(3)
        case "hang":
            _wait(float("inf"), lambda: False)
        case "memory":
            raise EngineMemoryError("The scripted engine was told to run out of memory.")
        case "error":
            raise EngineError("The scripted engine was told to fail.")
        case "stop":
            _wait(float("inf"), should_stop)
        case _:
            assert_never(failure)


def _wait(delay_s: float, should_stop: Callable[[], bool]) -> bool:
    """Sleeps in small steps; gives False once asked to stop."""
    end = time.monotonic() + delay_s
    while (left := end - time.monotonic()) > 0:
        if should_stop():
            return False
        time.sleep(min(_TICK_S, left))
    return True


def _page_text(page: PageImage, text: str) -> PageText:
    rows = [clean_text(row) for row in text.split("\n")]
    written = [row for row in rows if row]
    if not written:
        return PageText(page.width_px, page.height_px)
    pitch = page.height_px // len(written)
    lines = tuple(
        _line(row, Box(0, number * pitch, page.width_px, (number + 1) * pitch))
        for number, row in enumerate(written)
    )
    block = Block(lines, Box.around(line.box for line in lines))
    return PageText(page.width_px, page.height_px, (block,))


def _line(text: str, box: Box) -> Line:
    words = tuple(Word(token, box, 1.0) for token in text.split())
    return Line(text, box, words, main_direction(text), 1.0)


def _is_blank(page: PageImage) -> bool:
    """Only a page that is white all over counts as blank."""
    return page.byte_count == 0 or min(page.pixels.cast("B")) >= _BLANK_LEVEL


def _told(text: str, page: PageImage) -> str:
    if "{" not in text:
        return text
    ink = bytes(page.pixels.cast("B")).count(0)
    told = text.replace("{width}", str(page.width_px)).replace("{height}", str(page.height_px))
    return told.replace("{ink}", str(ink))


def _number(script: Mapping[str, object], key: str, default: float) -> float:
    value = script.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"The scripted engine needs a number for {key!r}, got {value!r}."
        raise EngineError(msg)
    return float(value)

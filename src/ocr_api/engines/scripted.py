"""An engine for tests: says what it is told to, and fails in the way it is told to."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, assert_never, cast, get_args

from ocr_api.engines.base import Footprint, ReadOptions, stopped, stopped_page
from ocr_api.errors import EngineError, EngineMemoryError, ModelLoadError
from ocr_api.pages import Block, Box, Line, PageImage, PageText, Word
from ocr_api.pages.cleaning import clean_text, main_direction

DEFAULT_TEXT = "scripted page"
Failure = Literal["crash", "hang", "memory", "error", "stop", "exit"]
_TICK_S = 0.02
_WORD = re.compile(r"\s*\S+\s*$|\s*\S+")
_PLACE = re.compile(r"\{(\w+)\}")
_BLANK_LEVEL = 250


class ScriptedEngine:
    """Reads nothing; answers from the settings and `ReadOptions.extra` (the latter wins).

    Keys: `text` (default "scripted page"; a form feed parts pages; what stands in braces is filled
    in: `{width}`, `{height}` and `{ink}`, the number of black bytes, of the page, `{batch}` pages
    read together, `{pid}`, `{prompt_mode}`, `{prompt}`, and any setting),
    `delay_s` (per page), `token_delay_s` (all pages are generated together, a word of each at a
    time), `most_pages` (memory runs out where more are read together), `fail` (`crash` kills the
    process, `exit` ends it, `hang` never returns and does not ask `should_stop`, `memory` and
    `error` raise, `stop` waits until `should_stop`), `fail_times` (fail only in the first N
    attempts; left out = always), `fail_width_px` (fail only where a page has this width),
    `attempt` (1.., set by the worker), `load_delay_s`, `fail_load`, `footprint_mib` and `peaks_mib`
    (after the first, second, ... batch; the last one repeats; settings only).
    """

    def __init__(self, settings: Mapping[str, object]) -> None:
        self._settings = settings
        self._batches = 0

    def load(self) -> Footprint | None:
        """Waits `load_delay_s`; raises `ModelLoadError` where `fail_load` is set."""
        time.sleep(_number(self._settings, "load_delay_s", 0.0))
        if self._settings.get("fail_load"):
            raise ModelLoadError("The scripted engine was told not to load.")
        if "footprint_mib" not in self._settings:
            return None
        quantization = self._settings.get("quantization")
        return Footprint(
            int(_number(self._settings, "footprint_mib", 0)),
            str(self._settings.get("device", "cpu")),
            None if quantization is None else str(quantization),
        )

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
        self._batches += 1
        if len(pages) > _number(script, "most_pages", float("inf")):
            raise EngineMemoryError("The scripted engine has memory for fewer pages together.")
        written = _texts(script, options, pages)
        if "token_delay_s" in script:
            return _generate(script, pages, written, on_text, should_stop)
        answers: list[PageText] = []
        for index, page in enumerate(pages):
            is_over = partial(should_stop, index)
            if is_over() or not _wait(_number(script, "delay_s", 0.0), is_over):
                answers.append(stopped_page(page))
                continue
            _fail_if_told(script, [page], is_over)
            if written[index]:
                on_text(index, written[index])
            answers.append(_page_text(page, written[index]))
        return answers

    def peak_mib(self) -> int | None:
        """Gives what `peaks_mib` says of the latest batch; see `TellsPeak`."""
        peaks = cast("Sequence[int]", self._settings.get("peaks_mib", ()))
        return peaks[min(self._batches, len(peaks)) - 1] if peaks else None

    def close(self) -> None:
        """Does nothing: nothing was taken."""


def _texts(
    script: Mapping[str, object], options: ReadOptions, pages: Sequence[PageImage]
) -> list[str]:
    parts = str(script.get("text", DEFAULT_TEXT)).split("\f")
    facts = {
        **script,
        "batch": len(pages),
        "pid": os.getpid(),
        "prompt_mode": options.prompt_mode,
        "prompt": options.prompt,
    }
    return [
        "" if _is_blank(page) else _filled(parts[min(index, len(parts) - 1)], facts, page)
        for index, page in enumerate(pages)
    ]


def _filled(text: str, facts: Mapping[str, object], page: PageImage) -> str:
    if "{" not in text:
        return text
    ink = bytes(page.pixels.cast("B")).count(0)
    known = {**facts, "width": page.width_px, "height": page.height_px, "ink": ink}
    return _PLACE.sub(lambda found: str(known.get(found[1], found[0])), text)


def _generate(
    script: Mapping[str, object],
    pages: Sequence[PageImage],
    written: Sequence[str],
    on_text: Callable[[int, str], None],
    should_stop: Callable[[int], bool],
) -> list[PageText]:
    """Writes a word of each page at a time, as a model does that decodes a batch."""
    _fail_if_told(script, pages, partial(should_stop, 0))
    words = [_WORD.findall(text) for text in written]
    told = [""] * len(pages)
    ended: set[int] = set()
    for step in range(max(map(len, words))):
        time.sleep(_number(script, "token_delay_s", 0.0))
        ended |= {index for index in range(len(pages)) if should_stop(index)}
        for index, of_page in enumerate(words):
            if index not in ended and step < len(of_page):
                told[index] += of_page[step]
                on_text(index, of_page[step])
        if len(ended) == len(pages):
            break
    texts = [_page_text(page, text, raw=text) for page, text in zip(pages, told, strict=True)]
    return [stopped(text) if index in ended else text for index, text in enumerate(texts)]


def _fail_if_told(
    script: Mapping[str, object], pages: Sequence[PageImage], should_stop: Callable[[], bool]
) -> None:
    wish = script.get("fail")
    attempt = _number(script, "attempt", 1)
    if wish is None or attempt > _number(script, "fail_times", float("inf")):
        return
    if script.get("fail_width_px") not in (None, *(page.width_px for page in pages)):
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


def _page_text(page: PageImage, text: str, raw: str | None = None) -> PageText:
    rows = [clean_text(row) for row in text.split("\n")]
    written = [row for row in rows if row]
    if not written:
        return PageText(page.width_px, page.height_px, raw_text=raw)
    pitch = page.height_px // len(written)
    lines = tuple(
        _line(row, Box(0, number * pitch, page.width_px, (number + 1) * pitch))
        for number, row in enumerate(written)
    )
    block = Block(lines, Box.around(line.box for line in lines))
    return PageText(page.width_px, page.height_px, (block,), raw_text=raw)


def _line(text: str, box: Box) -> Line:
    words = tuple(Word(token, box, 1.0) for token in text.split())
    return Line(text, box, words, main_direction(text), 1.0)


def _is_blank(page: PageImage) -> bool:
    """Only a page that is white all over counts as blank."""
    return page.byte_count == 0 or min(page.pixels.cast("B")) >= _BLANK_LEVEL


def _number(script: Mapping[str, object], key: str, default: float) -> float:
    value = script.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"The scripted engine needs a number for {key!r}, got {value!r}."
        raise EngineError(msg)
    return float(value)

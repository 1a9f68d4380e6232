"""The scripted engine fails exactly as it is told to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from ocr_api.engines.base import ReadOptions
from ocr_api.engines.scripted import DEFAULT_TEXT, ScriptedEngine
from ocr_api.errors import EngineError, EngineMemoryError, ModelLoadError, OcrApiError
from tests.engines.pages import page_of, written

CRASHING = """
from ocr_api.engines.base import ReadOptions
from ocr_api.engines.scripted import ScriptedEngine
from ocr_api.pages import PageImage
page = PageImage(1, 1, "L", memoryview(bytes(1)))
ScriptedEngine({"fail": "crash"}).read(
    [page], options=ReadOptions(), on_text=print, should_stop=lambda _index: False
)
"""


def read(should_stop: Callable[[int], bool] = lambda _index: False, **extra: object) -> str:
    engine = ScriptedEngine({})
    (text,) = engine.read(
        [page_of(written("x"))],
        options=ReadOptions(extra=extra),
        on_text=lambda _index, _text: None,
        should_stop=should_stop,
    )
    return text.text


def test_default_text_is_read() -> None:
    assert read() == DEFAULT_TEXT


def test_text_comes_from_the_options() -> None:
    assert read(text="one\ntwo") == "one\ntwo"


@pytest.mark.parametrize(
    ("failure", "error"), [("memory", EngineMemoryError), ("error", EngineError)]
)
def test_failure_raises_its_error(failure: str, error: type[OcrApiError]) -> None:
    with pytest.raises(error):
        read(fail=failure)


def test_only_the_first_attempts_fail() -> None:
    with pytest.raises(EngineError):
        read(fail="error", fail_times=2, attempt=2)
    assert read(fail="error", fail_times=2, attempt=3) == DEFAULT_TEXT


def test_unknown_failure_is_refused() -> None:
    with pytest.raises(EngineError, match="explode"):
        read(fail="explode")


def test_delay_ends_when_told_to_stop() -> None:
    assert read(should_stop=lambda _index: True, delay_s=60.0) == ""


def test_stop_waits_until_told_to_stop() -> None:
    asked = iter([False, False, False, True])

    assert read(should_stop=lambda _index: next(asked, True), fail="stop") == DEFAULT_TEXT


def test_load_fails_when_told_to() -> None:
    with pytest.raises(ModelLoadError):
        ScriptedEngine({"fail_load": True}).load()


def test_crash_kills_the_process() -> None:
    ended = subprocess.run([sys.executable, "-c", CRASHING], check=False, timeout=30)

    assert ended.returncode == -9

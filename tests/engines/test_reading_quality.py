"""The evaluation pages are read well, from decoded pixels to text."""

from __future__ import annotations

import importlib.util
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from ocr_api.catalog.routing import ModelsNow, RouteRule, route
from ocr_api.engines.base import Engine, ReadOptions
from ocr_api.engines.inspector import PageInspector
from ocr_api.engines.rapidocr import RapidOcrEngine
from ocr_api.engines.straighten import straighten
from ocr_api.engines.tesseract import TesseractEngine
from ocr_api.pages import Direction, PageText
from tests.engines.pages import (
    Pixels,
    eval_page,
    first_row,
    on_a_table,
    page_of,
    photographed,
    scaled,
    side_by_side,
    without_margins,
)

pytestmark = pytest.mark.reading

BIDI_CONTROLS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def load_scoring() -> Any:
    path = Path(__file__).parents[2] / "eval" / "scoring.py"
    spec = importlib.util.spec_from_file_location("scoring", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Reader:
    """The steps of the service, bare: inspect, route, straighten, read."""

    def __init__(self) -> None:
        catalog = resources.files("ocr_api.catalog").joinpath("catalog.toml").read_text("utf-8")
        rows = tomllib.loads(catalog)["routes"]
        self._rules = TypeAdapter(tuple[RouteRule, ...]).validate_python(rows)
        self._inspector = PageInspector()
        self._engines: Mapping[str, Engine] = {
            "tesseract": TesseractEngine({}),
            "rapidocr": RapidOcrEngine({}),
        }
        for engine in self._engines.values():
            engine.load()

    def read(self, pixels: Pixels) -> PageText:
        """Reads one page."""
        page = page_of(pixels)
        traits = self._inspector.inspect(page)
        choice = route(traits, self._rules, ModelsNow(self._engines.__contains__))
        (text,) = self._engines[choice.model].read(
            [straighten(page, traits)],
            options=ReadOptions(traits=(traits,)),
            on_text=lambda _index, _text: None,
            should_stop=lambda _index: False,
        )
        return text

    def close(self) -> None:
        """Frees all models."""
        self._inspector.close()
        for engine in self._engines.values():
            engine.close()


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.close()


def error_rate(number: str, text: PageText) -> float:
    page = eval_page(number)
    return error_rate_of(page.text, text, is_arabic=page.is_arabic)


def error_rate_of(expected: str, text: PageText, *, is_arabic: bool) -> float:
    rules = "ar-bare" if is_arabic else "std"
    return float(load_scoring().character_error_rate(expected, text.text, rules))


def column(number: str) -> Pixels:
    return scaled(without_margins(eval_page(number).pixels(), kept_px=50), 0.6)


@pytest.mark.parametrize("number", ["01", "02", "05", "12"])
def test_photographed_page_is_read_well(reader: Reader, number: str) -> None:
    text = reader.read(photographed(eval_page(number).pixels()))

    assert error_rate(number, text) <= 0.06


@pytest.mark.parametrize(("number", "factor"), [("02", 0.4), ("05", 0.4), ("03", 0.4), ("07", 3.0)])
def test_resolution_matters_little(reader: Reader, number: str, factor: float) -> None:
    assert error_rate(number, reader.read(scaled(eval_page(number).pixels(), factor))) <= 0.03


def test_arabic_columns_under_a_heading_are_read_from_the_right(reader: Reader) -> None:
    heading = scaled(without_margins(first_row(eval_page("07").pixels())), 0.9)
    page = side_by_side(column("07"), column("05"), heading=heading)
    expected = [eval_page("07").text.split("\n")[0], eval_page("05").text, eval_page("07").text]

    text = reader.read(page)

    assert error_rate_of(" ".join(expected), text, is_arabic=True) <= 0.04


def test_three_columns_under_a_heading_are_read_from_the_left(reader: Reader) -> None:
    heading = scaled(without_margins(first_row(eval_page("01").pixels())), 0.9)
    page = side_by_side(column("02"), column("01"), column("02"), heading=heading)
    expected = " ".join(eval_page(number).text for number in ("02", "01", "02"))

    text = reader.read(page)

    body = PageText(text.width_px, text.height_px, text.blocks[1:])
    assert error_rate_of(expected, body, is_arabic=False) <= 0.02


@pytest.mark.parametrize("number", ["01", "05", "07"])
def test_page_on_a_dark_table_is_read_alone(reader: Reader, number: str) -> None:
    assert error_rate(number, reader.read(on_a_table(eval_page(number).pixels()))) <= 0.05


@pytest.mark.parametrize("number", ["02", "05"])
def test_light_print_on_dark_is_read(reader: Reader, number: str) -> None:
    assert error_rate(number, reader.read(255 - eval_page(number).pixels())) <= 0.02


def test_long_strip_with_one_line_is_read(reader: Reader) -> None:
    row = without_margins(first_row(eval_page("05").pixels()), kept_px=12)
    strip = np.hstack((row, row, row))

    text = reader.read(strip)

    assert strip.shape[1] > 40 * strip.shape[0]
    assert (
        error_rate_of(3 * (eval_page("05").text.split("\n")[0] + " "), text, is_arabic=True) < 0.1
    )


def test_arabic_text_is_logical_and_plain(reader: Reader) -> None:
    text = reader.read(eval_page("05").pixels())

    assert text.text.startswith("كان يا ما كان في قديم الزمان تاجر")
    assert all(line.direction is Direction.RTL for line in text.lines)
    assert not BIDI_CONTROLS & set(text.text)
    assert not any(
        "\ufb50" <= char <= "\ufdff" or "\ufe70" <= char <= "\ufefc" for char in text.text
    )
    assert unicodedata.is_normalized("NFC", text.text)
    assert "\u060c" in text.text
    first = text.lines[0].words
    assert first[0].box.left > first[-1].box.left


def test_arabic_indic_digits_stay_arabic_indic(reader: Reader) -> None:
    text = reader.read(eval_page("11").pixels()).text

    assert any("\u0660" <= char <= "\u0669" for char in text)


def test_latin_names_in_arabic_text_read_left_to_right(reader: Reader) -> None:
    text = reader.read(eval_page("10").pixels()).text

    assert "OCR API" in text
    assert "info@example.com" in text

"""The inspector sees how a page lies and what is written on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from ocr_api.catalog import ModelsNow, load_catalog, route
from ocr_api.engines.inspector import PageInspector, is_surely_arabic
from ocr_api.engines.probe import Evidence, scripts_on_page
from ocr_api.engines.tesseract.languages import plan_reading
from ocr_api.engines.tesseract_native import Orientation
from ocr_api.pages import PageTraits, Script
from tests.engines.pages import (
    Pixels,
    blank,
    eval_page,
    first_row,
    noise,
    page_of,
    photographed,
    scaled,
    turned,
    without_margins,
    written,
)


@pytest.fixture(scope="module")
def inspector() -> Iterator[PageInspector]:
    made = PageInspector()
    yield made
    made.close()
    made.close()  # twice is fine


def inspect(inspector: PageInspector, pixels: Pixels) -> PageTraits:
    return inspector.inspect(page_of(pixels))


@pytest.mark.parametrize("number", ["01", "03", "07"])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_quarter_turns_are_found(inspector: PageInspector, number: str, turn: int) -> None:
    lying = np.rot90(eval_page(number).pixels(), k=turn // 90)

    traits = inspect(inspector, lying)

    assert traits.rotation_deg == turn
    assert traits.rotation_confidence is not None
    assert traits.rotation_confidence > 0.5


@pytest.mark.parametrize("number", ["01", "03", "05"])
@pytest.mark.parametrize("tilt_deg", [-8.0, -2.5, 0.6, 4.0, 8.0])
def test_skew_is_found(inspector: PageInspector, number: str, tilt_deg: float) -> None:
    traits = inspect(inspector, turned(eval_page(number).pixels(), tilt_deg))

    assert traits.skew_deg == pytest.approx(-tilt_deg, abs=0.3)
    assert traits.rotation_deg == 0


@pytest.mark.parametrize(
    ("number", "scripts"),
    [
        ("01", (Script.LATIN,)),
        ("02", (Script.LATIN,)),
        ("03", (Script.HAN,)),
        ("06", (Script.ARABIC,)),
        ("11", (Script.ARABIC,)),
        ("09", (Script.ARABIC, Script.LATIN)),
        ("10", (Script.ARABIC, Script.LATIN)),
    ],
)
@pytest.mark.parametrize("worn", [False, True])
def test_scripts_are_found(
    inspector: PageInspector, number: str, scripts: tuple[Script, ...], *, worn: bool
) -> None:
    pixels = eval_page(number).pixels()

    assert inspect(inspector, photographed(pixels) if worn else pixels).scripts == scripts


@pytest.mark.parametrize("number", ["01", "04", "06", "08", "09", "10", "11"])
def test_naming_arabic_changes_nothing_that_is_seen(inspector: PageInspector, number: str) -> None:
    page = page_of(eval_page(number).pixels())

    assert inspector.inspect(page, ("ar",)) == inspector.inspect(page)


SURE = Orientation(0, confidence=16.0, script="Arabic", script_confidence=60.0)


@pytest.mark.parametrize(
    ("detected", "languages", "is_sure"),
    [
        (SURE, ("ar",), True),
        (SURE, ("ara", "ur-PK", "fa_IR"), True),
        (SURE, (), False),
        (SURE, ("ar", "en"), False),
        (replace(SURE, script="Latin"), ("ar",), False),
        (replace(SURE, script_confidence=8.4), ("ar",), False),
        (replace(SURE, confidence=2.0), ("ar",), False),
        (None, ("ar",), False),
    ],
)
def test_arabic_alone_is_sure_where_nothing_else_was_named_or_is_seen(
    detected: Orientation | None, languages: tuple[str, ...], *, is_sure: bool
) -> None:
    assert is_surely_arabic(detected, languages) is is_sure


@pytest.mark.parametrize("languages", [("ar",), ("fa", "ar")])
def test_what_was_not_looked_for_changes_neither_model_nor_languages(
    languages: tuple[str, ...],
) -> None:
    with_latin, without = (
        PageTraits(scripts=scripts) for scripts in ((Script.ARABIC, Script.LATIN), (Script.ARABIC,))
    )
    available = ("ara", "fas", "eng")
    assert plan_reading(languages, with_latin, available) == plan_reading(
        languages, without, available
    )
    rules = load_catalog().routes
    for model in ("qari", "deepseek", "tesseract"):
        now = ModelsNow({model, "tesseract"}.__contains__)
        assert route(with_latin, rules, now, languages).model == (
            route(without, rules, now, languages).model
        )


def test_two_arabic_words_are_known_as_arabic(inspector: PageInspector) -> None:
    row = without_margins(first_row(eval_page("05").pixels()))

    assert inspect(inspector, row[:, -330:]).scripts == (Script.ARABIC,)


def test_small_print_turned_over_is_found(inspector: PageInspector) -> None:
    small = scaled(eval_page("01").pixels(), 0.36)

    traits = inspect(inspector, np.rot90(small, k=3))

    assert (traits.rotation_deg, traits.scripts) == (270, (Script.LATIN,))


@pytest.mark.parametrize("level", [255, 128, 0])
def test_even_page_is_blank(inspector: PageInspector, level: int) -> None:
    traits = inspect(inspector, blank(level=level))

    assert (traits.is_blank, traits.letters) == (True, 0)


def test_grainy_shaded_paper_is_blank(inspector: PageInspector) -> None:
    shade = np.linspace(120, 240, 900)[None] + np.zeros((700, 1))
    paper = np.random.default_rng(3).normal(shade, 6).clip(0, 255).astype(np.uint8)

    assert inspect(inspector, paper).is_blank


@pytest.mark.parametrize("row", ["A", "Hello", "7"])
def test_page_with_one_word_is_not_blank_and_stays_upright(
    inspector: PageInspector, row: str
) -> None:
    traits = inspect(inspector, written(row))

    assert not traits.is_blank
    assert (traits.rotation_deg, traits.skew_deg) == (0, 0.0)


def test_sparse_page_is_read_to_find_how_it_lies(inspector: PageInspector) -> None:
    lying = np.rot90(written("Invoice number 4711", "Hello wonderful world"), k=2)

    assert inspect(inspector, lying).rotation_deg == 180


@pytest.mark.parametrize("number", ["01", "02", "03", "16"])
@pytest.mark.parametrize("factor", [0.4, 1.0, 2.0])
def test_letters_are_counted_about_at_any_resolution(
    inspector: PageInspector, number: str, factor: float
) -> None:
    page = eval_page(number)

    letters = inspect(inspector, scaled(page.pixels(), factor)).letters

    assert letters is not None
    assert 0.8 <= letters / len("".join(page.text.split())) <= 1.8


def test_letters_are_as_many_on_a_page_that_lies_on_its_side(inspector: PageInspector) -> None:
    pixels = eval_page("01").pixels()

    upright, lying = (inspect(inspector, one).letters for one in (pixels, np.rot90(pixels)))

    assert upright == pytest.approx(lying, rel=0.05)


@pytest.mark.parametrize("columns", [2, 6])
def test_close_print_in_columns_is_neither_blank_nor_light_on_dark(
    inspector: PageInspector, columns: int
) -> None:
    column = scaled(without_margins(eval_page("01").pixels(), kept_px=12), 0.25)
    printed = np.tile(column, (2 * columns, columns))

    traits = inspect(inspector, printed)

    assert not traits.is_blank
    assert traits.letters is not None
    assert traits.letters > 0.5 * 2 * columns**2 * len("".join(eval_page("01").text.split()))


@pytest.mark.parametrize("shape", [(1, 1), (10_000, 1), (9, 3000), (600, 600)])
def test_hostile_shapes_and_noise_do_no_harm(
    inspector: PageInspector, shape: tuple[int, int]
) -> None:
    assert inspect(inspector, noise(*shape)).rotation_deg in {0, 90, 180, 270}


@pytest.mark.parametrize(
    ("named", "evidence", "scripts"),
    [
        (Script.ARABIC, Evidence(latin_words=1, latin_letters=9), (Script.ARABIC,)),
        (Script.ARABIC, Evidence(latin_words=3, latin_letters=12), (Script.ARABIC, Script.LATIN)),
        (Script.LATIN, Evidence(arabic_words=2, arabic_letters=9), (Script.LATIN,)),
        (Script.LATIN, Evidence(arabic_words=3, arabic_letters=15), (Script.LATIN, Script.ARABIC)),
        (Script.CYRILLIC, Evidence(latin_words=30, latin_letters=200), (Script.LATIN,)),
        (Script.HAN, Evidence(latin_words=3, latin_letters=15), (Script.HAN, Script.LATIN)),
        (Script.HAN, Evidence(), (Script.HAN,)),
        (None, Evidence(), ()),
    ],
)
def test_evidence_decides_on_a_second_script(
    named: Script | None, evidence: Evidence, scripts: tuple[Script, ...]
) -> None:
    assert scripts_on_page(named, evidence, pieces=500) == scripts

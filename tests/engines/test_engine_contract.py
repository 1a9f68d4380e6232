"""What every engine promises, whatever it reads with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest

from ocr_api.engines.base import Engine, ReadOptions
from ocr_api.engines.rapidocr import RapidOcrEngine
from ocr_api.engines.scripted import ScriptedEngine
from ocr_api.engines.tesseract import TesseractEngine
from ocr_api.pages import PageText, PageTraits, Script
from tests.engines.pages import Pixels, blank, noise, page_of, written

ENGINES: Mapping[str, Callable[[Mapping[str, object]], Engine]] = {
    "rapidocr": RapidOcrEngine,
    "scripted": ScriptedEngine,
    "tesseract": TesseractEngine,
}
LATIN = PageTraits(scripts=(Script.LATIN,))


@pytest.fixture(scope="module", params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = ENGINES[request.param]({})
    made.load()
    yield made
    made.close()
    made.close()  # twice is fine


def read(
    engine: Engine, *pixels: Pixels, should_stop: Callable[[int], bool] = lambda _index: False
) -> tuple[list[PageText], list[tuple[int, str]]]:
    told: list[tuple[int, str]] = []
    texts = engine.read(
        [page_of(page) for page in pixels],
        options=ReadOptions(traits=(LATIN,) * len(pixels)),
        on_text=lambda index, text: told.append((index, text)),
        should_stop=should_stop,
    )
    return list(texts), told


def test_every_page_gets_one_text_in_order(engine: Engine) -> None:
    pages = (written("First page of two"), blank(), written("Second page here", "has two rows"))

    texts, told = read(engine, *pages)

    assert [(text.width_px, text.height_px) for text in texts] == [
        (page.shape[1], page.shape[0]) for page in pages
    ]
    assert [bool(text.text) for text in texts] == [True, False, True]
    assert told == [(0, texts[0].text), (2, texts[2].text)]


def test_boxes_lie_on_the_page_and_confidences_in_range(engine: Engine) -> None:
    (text,), _ = read(engine, written("Invoice 4711 of 2024", "Total 19.36 EUR"))

    boxes = [word.box for line in text.lines for word in line.words]
    boxes += [line.box for line in text.lines] + [block.box for block in text.blocks]
    assert boxes
    assert all(0 <= box.left < box.right <= text.width_px for box in boxes)
    assert all(0 <= box.top < box.bottom <= text.height_px for box in boxes)
    for line in text.lines:
        assert " ".join(word.text for word in line.words) == line.text
        assert line.confidence is None or 0 <= line.confidence <= 1
        assert all(0 <= (word.confidence or 0) <= 1 for word in line.words)


def test_blank_page_gives_empty_text(engine: Engine) -> None:
    assert read(engine, blank())[0][0].text == ""


def test_rgb_page_reads_like_grey_page(engine: Engine) -> None:
    grey = written("The same words")

    texts, _ = read(engine, grey, np.stack((grey,) * 3, axis=2))

    assert texts[0].text == texts[1].text != ""


@pytest.mark.parametrize(("width_px", "height_px"), [(1, 1), (1, 3000), (3000, 2), (9, 9)])
def test_tiny_and_threadlike_pages_do_no_harm(
    engine: Engine, width_px: int, height_px: int
) -> None:
    (text,), _ = read(engine, blank(width_px, height_px))

    assert text.text == ""


def test_noise_ends_soon_and_gives_a_text(engine: Engine) -> None:
    (text,), _ = read(engine, noise(900, 900))

    assert (text.width_px, text.height_px) == (900, 900)


def test_engine_told_to_stop_returns_what_it_has(engine: Engine) -> None:
    texts, _ = read(
        engine, written("One page"), written("Another"), should_stop=lambda _index: True
    )

    assert len(texts) == 2
    assert texts[1].warnings

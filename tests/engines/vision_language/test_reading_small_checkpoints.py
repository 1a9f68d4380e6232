"""The three models read their pages: alone, together, streamed, stopped, quantized."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ocr_api.engines.base import ReadOptions
from ocr_api.engines.vision_language.base import VisionLanguageEngine
from ocr_api.engines.vision_language.deepseek import DeepSeekEngine
from ocr_api.engines.vision_language.got import GotEngine
from ocr_api.engines.vision_language.qari import QariEngine
from ocr_api.errors import EngineError, ModelLoadError
from ocr_api.pages import PageImage, PageText
from tests.engines.pages import blank, page_of

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
ENGINES: Mapping[str, type[VisionLanguageEngine]] = {
    "got": GotEngine,
    "qari": QariEngine,
    "deepseek": DeepSeekEngine,
}
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def texts_of(name: str, mode: str = "text") -> Mapping[str, str]:
    told: dict[str, dict[str, dict[str, str]]] = json.loads(
        (CHECKPOINTS / "texts.json").read_text("utf-8")
    )
    return told[name][mode]


def page(file: str) -> PageImage:
    with Image.open(CHECKPOINTS / "pages" / file) as image:
        return page_of(np.asarray(image.convert("RGB")))


def make(name: str, quantization: str = "none", **settings: object) -> VisionLanguageEngine:
    torch.set_num_threads(1)
    values = {"batch_pages": 4, "max_new_tokens": 160, **settings}
    return ENGINES[name](
        {"folder": str(CHECKPOINTS / name), "quantization": quantization, **values}
    )


def read(
    engine: VisionLanguageEngine,
    *pages: PageImage,
    mode: str | None = None,
    should_stop: Callable[[int], bool] = lambda _index: False,
) -> tuple[list[PageText], dict[int, str]]:
    told: dict[int, str] = {}
    texts = engine.read(
        pages,
        options=ReadOptions(prompt_mode=mode),
        on_text=lambda index, text: told.update({index: told.get(index, "") + text}),
        should_stop=should_stop,
    )
    return list(texts), told


@pytest.fixture(scope="module", params=sorted(ENGINES))
def loaded(request: pytest.FixtureRequest) -> Iterator[tuple[str, VisionLanguageEngine]]:
    engine = make(request.param)
    engine.load()
    yield request.param, engine
    engine.close()
    engine.close()  # twice is fine


def test_all_pages_are_read_exactly_in_batches_of_mixed_sizes(
    loaded: tuple[str, VisionLanguageEngine],
) -> None:
    name, engine = loaded
    expected = texts_of(name)

    texts, told = read(engine, *(page(file) for file in expected))

    assert [text.raw_text for text in texts] == list(expected.values())
    assert {index: text.text for index, text in enumerate(texts)} == told
    assert all(not text.flags for text in texts)


def test_page_reads_alone_as_in_a_batch(loaded: tuple[str, VisionLanguageEngine]) -> None:
    name, engine = loaded
    files = list(texts_of(name))[-3:]
    together, _ = read(engine, *(page(file) for file in files))

    for file, text in zip(files, together, strict=True):
        assert read(engine, page(file))[0] == [text]


def test_blank_and_tiny_pages_are_not_asked_about(
    loaded: tuple[str, VisionLanguageEngine],
) -> None:
    texts, told = read(loaded[1], page_of(blank()), page_of(np.zeros((3, 3), np.uint8)))

    assert [text.text for text in texts] == ["", ""]
    assert [text.raw_text for text in texts] == [None, None]
    assert not told


def test_one_page_of_a_batch_is_stopped_and_the_others_go_on(
    loaded: tuple[str, VisionLanguageEngine],
) -> None:
    name, engine = loaded
    files = list(texts_of(name))[-3:]
    asked: list[int] = []

    def should_stop(index: int) -> bool:
        asked.append(index)
        return index == 2 and asked.count(2) > 3

    texts, _ = read(engine, *(page(file) for file in files), should_stop=should_stop)

    assert texts[2].flags == ("stopped",)
    assert len(texts[2].raw_text or "") < len(texts_of(name)[files[2]])
    assert [text.raw_text for text in texts[:2]] == [texts_of(name)[file] for file in files[:2]]
    assert [text.raw_text for text in read(engine, page(files[2]))[0]] == [texts_of(name)[files[2]]]


def test_unknown_prompt_mode_is_refused(loaded: tuple[str, VisionLanguageEngine]) -> None:
    with pytest.raises(EngineError, match="nosuch"):
        read(loaded[1], page_of(blank()), mode="nosuch")


@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
@pytest.mark.parametrize(("name", "least_share"), [("got", 0.4), ("qari", 0.4), ("deepseek", 0.2)])
def test_quantized_models_read_the_same(name: str, quantization: str, least_share: float) -> None:
    engine = make(name, quantization)
    footprint = engine.load()
    expected = dict(list(texts_of(name).items())[:4])

    texts, _ = read(engine, *(page(file) for file in expected))

    assert footprint.quantization == quantization
    assert least_share < (footprint.quantized_share or 0) < 1
    assert [text.raw_text for text in texts] == list(expected.values())


def test_grounding_gives_boxes_on_the_page() -> None:
    engine = make("deepseek")
    engine.load()
    expected = texts_of("deepseek", "markdown")

    texts, _ = read(engine, *(page(file) for file in expected), mode="layout")

    assert [text.raw_text for text in texts] == list(expected.values())
    for text in texts:
        assert all(block.label for block in text.blocks)
        assert all(block.box.right <= text.width_px for block in text.blocks)


def test_formatted_answer_keeps_its_latex() -> None:
    engine = make("got")
    engine.load()
    expected = texts_of("got", "markdown")

    texts, told = read(engine, *(page(file) for file in expected), mode="markdown")

    assert [text.formatted_text for text in texts] == list(expected.values())
    assert told == {index: text.text for index, text in enumerate(texts)}


def test_answer_at_the_token_limit_is_flagged() -> None:
    engine = make("got", max_new_tokens=3)
    engine.load()

    texts, _ = read(engine, page("got-letter.png"))

    assert texts[0].flags == ("truncated",)
    assert texts[0].warnings


@pytest.mark.parametrize("name", ["got", "qari"])
def test_answer_that_repeats_itself_is_cut_and_flagged(name: str) -> None:
    engine = make(name, max_new_tokens=600)
    engine.load()

    (text,), _ = read(engine, page(f"{name}-endless.png"))

    assert text.flags == ("repetition",)
    assert text.text == "again again"
    assert text.warnings


def test_tall_page_is_read_in_strips_and_put_together() -> None:
    engine = make("got", strip_aspect=0.5)
    engine.load()
    files = ("got-invoice.png", "got-price.png", "got-code.png")
    sheets = [np.frombuffer(page(file).pixels, np.uint8) for file in files]
    shapes = [(page(file).height_px, page(file).width_px, 3) for file in files]
    least = min(width for _, width, _ in shapes)
    rows = [sheet.reshape(shape)[:, :least] for sheet, shape in zip(sheets, shapes, strict=True)]
    tall = page_of(np.concatenate(rows))

    (text,), told = read(engine, tall)

    assert len(text.blocks) > 1
    assert told == {0: text.text}
    tops = [block.box.top for block in text.blocks]
    assert tops == sorted(tops)
    assert (text.width_px, text.height_px) == (tall.width_px, tall.height_px)


def test_missing_folder_and_wrong_settings_are_load_errors(tmp_path: Path) -> None:
    for settings in ({}, {"folder": str(tmp_path)}, {"folder": str(tmp_path), "device": "tpu"}):
        with pytest.raises(ModelLoadError):
            GotEngine(settings).load()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_model_for_a_gpu_is_refused_without_one() -> None:
    with pytest.raises(ModelLoadError, match="GPU"):
        make("got", device="cuda").load()

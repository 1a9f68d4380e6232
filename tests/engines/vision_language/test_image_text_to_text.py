"""Three more architectures are hosted by their catalog entry alone."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from ocr_api.catalog.spec import ModelSpec
from ocr_api.engines.base import ReadOptions
from ocr_api.engines.vision_language.image_text_to_text import ImageTextToTextEngine
from ocr_api.errors import EngineError, ModelLoadError
from ocr_api.pages import PageText
from tests.checkpoints.random_models import RANDOM_MODELS
from tests.engines.pages import blank, page_of, written

ENTRY = """
name = "Random"
engine = "ocr_api.engines.vision_language.image_text_to_text:ImageTextToTextEngine"
best_for = "tests"
prompt_modes = ["text", "table"]

[settings]
max_new_tokens = 12
batch_pages = 3
max_pixels = 40000
answers = { table = "markdown" }
no_repeat_ngram = [3, 30]

[settings.prompts]
text = "OCR:"
table = "Table Recognition:"
"""


@pytest.fixture(scope="module", params=sorted(RANDOM_MODELS))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp(request.param)
    RANDOM_MODELS[request.param](made)
    return made


def engine_of(folder: Path, **changes: object) -> ImageTextToTextEngine:
    spec = TypeAdapter(ModelSpec).validate_python({"id": "random", **tomllib.loads(ENTRY)})
    return ImageTextToTextEngine({**spec.settings, "folder": str(folder), **changes})


def read(engine: ImageTextToTextEngine, *sizes_px: int, **options: str) -> list[PageText]:
    pages = [page_of(written("Some words", width_px=width)) for width in sizes_px]
    return list(
        engine.read(
            pages,
            options=ReadOptions(**options),  # type: ignore[arg-type]
            on_text=lambda _index, _text: None,
            should_stop=lambda _index: False,
        )
    )


@pytest.mark.parametrize("quantization", ["none", "8bit", "4bit"])
def test_batch_of_mixed_sizes_is_read_as_each_page_alone(folder: Path, quantization: str) -> None:
    engine = engine_of(folder, quantization=quantization)
    footprint = engine.load()

    together = read(engine, 500, 900, 700)
    alone = [read(engine, width)[0] for width in (500, 900, 700)]

    assert all(text.raw_text for text in together)
    assert (footprint.quantized_share is None) == (quantization == "none")
    assert [len(text.raw_text or "") > 0 for text in alone] == [True] * 3
    if quantization == "none":
        assert [text.raw_text for text in together] == [text.raw_text for text in alone]


def test_modes_and_own_prompts_ask_differently(folder: Path) -> None:
    engine = engine_of(folder)
    engine.load()

    (text,) = read(engine, 500)
    (table,) = read(engine, 500, prompt_mode="table")

    assert (text.formatted_text, table.formatted_text) == (None, (table.raw_text or "").strip())
    assert read(engine, 500, prompt="Say something else entirely, please!")
    with pytest.raises(EngineError, match="text, table"):
        read(engine, 500, prompt_mode="nosuch")


@pytest.mark.parametrize(
    "wrong",
    [{"prompts": {}}, {"answer": "nosuch"}, {"model_class": "NoSuchModel"}, {"prompts": "text"}],
)
def test_wrong_entry_is_a_load_error(folder: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ModelLoadError):
        engine_of(folder, **wrong).load()


def test_blank_page_is_empty(folder: Path) -> None:
    engine = engine_of(folder)
    engine.load()
    (text,) = engine.read(
        [page_of(np.asarray(blank()))],
        options=ReadOptions(),
        on_text=lambda _index, _text: None,
        should_stop=lambda _index: False,
    )

    assert text.text == ""

"""The small checkpoints read their pages exactly, however they are loaded and batched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ocr_api.documents import open_document
from ocr_api.engines.base import as_array
from ocr_api.engines.inspector import PageInspector
from ocr_api.engines.straighten import straighten
from ocr_api.jobs import MediaType
from ocr_api.messages import RenderPage
from tests.checkpoints.asking import CROPPED, MARKDOWN, TEXT
from tests.checkpoints.reading import FOLDER, MODELS, PAGES, Checkpoint, load, open_page, texts
from tests.checkpoints.tireless import write_tireless
from tests.engines.pages import Pixels

pytestmark = [
    # the quantizing library builds tensors in ways that torch is about to forbid
    pytest.mark.filterwarnings("ignore::DeprecationWarning:bitsandbytes"),
    pytest.mark.filterwarnings("ignore::FutureWarning:bitsandbytes"),
]
_MOST_BYTES = 1_500_000
_LOADINGS = ("none", "8bit", "4bit")


@pytest.fixture(scope="module")
def load_once() -> Mapping[tuple[str, str], Checkpoint]:
    """Every checkpoint in every loading, made when first asked for."""

    class Loaded(dict[tuple[str, str], Checkpoint]):
        def __missing__(self, key: tuple[str, str]) -> Checkpoint:
            self[key] = load(*key)
            return self[key]

    return Loaded()


@cache
def _pages() -> Sequence[str]:
    return sorted(path.name for path in PAGES.iterdir())


@pytest.mark.parametrize("name", MODELS)
def test_each_page_is_read_exactly_alone(
    name: str, load_once: Mapping[tuple[str, str], Checkpoint]
) -> None:
    checkpoint = load_once[name, "none"]

    for mode, expected in texts(name).items():
        read = {file: checkpoint.read([file], mode)[0] for file in expected}
        assert read == expected


@pytest.mark.parametrize("loading", _LOADINGS)
@pytest.mark.parametrize("name", MODELS)
def test_pages_of_mixed_sizes_are_read_exactly_together(
    name: str, loading: str, load_once: Mapping[tuple[str, str], Checkpoint]
) -> None:
    checkpoint = load_once[name, loading]

    for mode, expected in texts(name).items():
        assert len({open_page(file).size for file in expected}) > 1
        read = checkpoint.read(list(expected), mode)
        assert dict(zip(expected, read, strict=True)) == expected


@pytest.mark.parametrize("name", MODELS)
def test_one_answer_is_long(name: str, load_once: Mapping[tuple[str, str], Checkpoint]) -> None:
    letter = texts(name)[TEXT][f"{name}-letter.png"]

    spelled = load_once[name, "none"].processor.tokenizer(letter, add_special_tokens=False)

    assert len(spelled.input_ids) >= 60
    assert letter.count("\n") >= 4


@pytest.mark.parametrize("name", MODELS)
def test_endless_page_is_answered_with_the_same_word_again_and_again(
    name: str, load_once: Mapping[tuple[str, str], Checkpoint]
) -> None:
    (answer,) = load_once[name, "none"].read([f"{name}-endless.png"], TEXT, most_tokens=300)

    assert answer.startswith(" ".join(["again"] * 250))


@pytest.mark.parametrize("name", MODELS)
def test_tireless_copy_reads_on_up_to_the_limit(name: str, tmp_path: Path) -> None:
    write_tireless(name, tmp_path / name)
    checkpoint = load(name, folder=tmp_path / name)
    letter = texts(name)[TEXT][f"{name}-letter.png"]

    (answer,) = checkpoint.read([f"{name}-letter.png"], TEXT, most_tokens=200)

    assert answer.startswith(letter)
    assert len(checkpoint.processor.tokenizer.tokenize(answer)) >= 120


def test_cropped_got_page_is_no_text(
    load_once: Mapping[tuple[str, str], Checkpoint],
) -> None:
    checkpoint = load_once["got", "none"]

    (answer,) = checkpoint.read(["got-letter.png"], CROPPED, most_tokens=40)

    assert answer != texts("got")[TEXT]["got-letter.png"]


def test_grounded_boxes_lie_on_ink() -> None:
    for file, answer in texts("deepseek")[MARKDOWN].items():
        page = np.asarray(open_page(file).convert("L"))
        for part in answer.split("<|det|>")[1:]:
            numbers = [int(number) for number in part.split("]]")[0].strip("[").split(",")]
            left, right = (round(at / 999 * page.shape[1]) for at in numbers[::2])
            top, bottom = (round(at / 999 * page.shape[0]) for at in numbers[1::2])
            assert page[top:bottom, left:right].min() < 64


@pytest.mark.parametrize("name", MODELS)
def test_folders_are_small_and_safe(name: str) -> None:
    files = list((FOLDER / name).iterdir())

    assert sum(file.stat().st_size for file in files) <= _MOST_BYTES
    assert {file.suffix for file in files} <= {".json", ".jinja", ".safetensors"}


def test_every_page_has_a_text_and_every_text_a_page() -> None:
    told = {file for name in MODELS for pages in texts(name).values() for file in pages}

    assert told | {f"{name}-endless.png" for name in MODELS} == set(_pages())


def test_upload_and_inspection_leave_the_pages_as_they_are() -> None:
    inspector = PageInspector()
    for file in [page for page in _pages() if not page.startswith("got")]:  # GOT's lie alike
        with (
            (PAGES / file).open("rb") as upload,
            open_document(upload, MediaType.PNG) as document,
        ):
            page = document.render(RenderPage(MediaType.PNG, 1, 10**6)).page
        upright = straighten(page, inspector.inspect(page))
        assert np.array_equal(_rgb(as_array(upright)), np.asarray(open_page(file)))
    inspector.close()


def _rgb(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)

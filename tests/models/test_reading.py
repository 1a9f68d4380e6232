"""The three models, loaded in every way from both places, read their pages exactly over HTTP."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ocr_api.engines.vision_language.markup import text_of_html
from tests.models.serving import (
    CHECKPOINTS,
    MODELS,
    batches_of,
    child_of,
    loaded,
    log_lines,
    metadata_of,
    page_of,
    put_into_hub_cache,
    put_into_models_dir,
    read,
    read_together,
    serving,
    texts_of,
)
from tests.service import Service

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]
LEAST_SHARE = {"got": 0.4, "qari": 0.4, "deepseek": 0.2}
"""Of the parameters of these small models; their embeddings, which stay, weigh most."""


@pytest.fixture(scope="module", params=["none", "8bit", "4bit"])
def running_in(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Service]]:
    """A service for each quantization; the one in 8 bits has its weights in the Hub's cache."""
    quantization: str = request.param
    folder = tmp_path_factory.mktemp(quantization)
    if quantization == "8bit":
        put_into_hub_cache(folder / "hf", *MODELS)
    else:
        put_into_models_dir(folder / "models", *MODELS)
    chosen = ",".join(f"{model}:{quantization}" for model in MODELS)
    with serving(folder, QUANTIZATION=chosen) as service:
        yield quantization, service


def test_pages_of_mixed_sizes_that_wait_together_are_read_exactly(
    running_in: tuple[str, Service],
) -> None:
    quantization, service = running_in
    wanted = {model: some_of(texts_of(model), quantization) for model in MODELS}
    with ThreadPoolExecutor(len(MODELS)) as callers:
        found = list(callers.map(partial(read_together, service), MODELS, wanted.values()))
    for model, jobs in zip(MODELS, found, strict=True):
        expected = wanted[model]
        told = {file: page_of(job)["raw_text"] for file, job in jobs.items()}
        assert told == dict(expected)
        assert {file: job["result"]["text"] for file, job in jobs.items()} == {
            file: text_of_html(text) for file, text in expected.items()
        }
        assert max(batches_of(service, child_of(service, model))) > 1
        assert {job["attempts"] for job in jobs.values()} == {1}
        assert all(metadata_of(job)["model"] == model for job in jobs.values())


def test_pages_are_read_exactly_alone(running_in: tuple[str, Service]) -> None:
    _, service = running_in
    for model in MODELS:
        for file in (f"{model}-invoice.png", f"{model}-letter.png"):
            job = read(service, model, file)
            assert job["result"]["text"] == texts_of(model)[file]
        assert batches_of(service, child_of(service, model))[-2:] == [1, 1]


def test_models_show_how_they_were_loaded(running_in: tuple[str, Service]) -> None:
    quantization, service = running_in
    for model in MODELS:
        read(service, model, f"{model}-invoice.png")
        view = loaded(service, model)
        assert (view["device"], view["quantization"]) == ("cpu", quantization)
        assert view["status"] == "loaded"
        assert 100 < view["memory_mib"] < 2000
        (line,) = [line for line in log_lines(service, "model_loaded") if line["model"] == model]
        assert 100 < line["memory_mib"] <= view["memory_mib"]  # reading takes more than loading
        if quantization == "none":
            assert line["quantized_share"] is None
        else:
            assert LEAST_SHARE[model] < line["quantized_share"] < 1


def test_deepseek_tells_where_its_blocks_are(running_in: tuple[str, Service]) -> None:
    _, service = running_in
    expected = texts_of("deepseek", "markdown")
    jobs = read_together(service, "deepseek", expected, prompt_mode="markdown")
    for file, job in jobs.items():
        page = page_of(job)
        assert page["raw_text"] == expected[file]
        assert "<|" not in page["text"] + page["formatted_text"]
        assert len(page["blocks"]) == expected[file].count("<|det|>")
        assert [block["label"] for block in page["blocks"]] == labels_in(expected[file])
        assert all(has_ink(file, block["box"]) for block in page["blocks"])
    report = page_of(jobs["deepseek-report.png"])
    assert report["text"].split() == ["Report", "Sales", "rose", "3%"]
    assert report["formatted_text"].startswith("# Report\n")


def test_got_keeps_its_latex_beside_the_words(running_in: tuple[str, Service]) -> None:
    _, service = running_in
    expected = texts_of("got", "markdown")
    jobs = read_together(service, "got", expected, prompt_mode="markdown")
    for file, job in jobs.items():
        assert job["result"]["formatted_text"] == expected[file]
    words = {file: job["result"]["text"] for file, job in jobs.items()}
    assert words["got-formula.png"] == "x^{2}+y^{2}=9"
    assert words["got-report.png"] == "Report\n\nSales rose 3 % in May"
    assert words["got-table.png"].split() == ["tea", "4", "milk", "7"]


def test_qari_gives_text_and_markdown_of_its_markup(running_in: tuple[str, Service]) -> None:
    _, service = running_in
    page = page_of(read(service, "qari", "qari-markup.png", prompt_mode="markdown"))
    assert page["raw_text"] == texts_of("qari")["qari-markup.png"]
    assert page["text"].split("\n\n") == ["فاتورة", "المجموع ٥٧"]  # noqa: RUF001
    assert page["formatted_text"].split() == ["#", "فاتورة", "المجموع", "**٥٧**"]  # noqa: RUF001


def test_arabic_comes_in_logical_order_with_its_tashkeel(
    running_in: tuple[str, Service],
) -> None:
    _, service = running_in
    vowelled = ("qari-school-vowelled.png", "qari-peace-vowelled.png")
    for file, job in read_together(service, "qari", vowelled).items():
        text: str = job["result"]["text"]
        assert text == texts_of("qari")[file]
        assert sum(unicodedata.category(sign) == "Mn" for sign in text) >= 4
        assert all("\u0600" <= sign <= "\u06ff" for sign in text)  # no presentation forms
        (block,) = page_of(job)["blocks"]
        assert block["lines"][0]["direction"] == "rtl"


def some_of(texts: Mapping[str, str], quantization: str) -> Mapping[str, str]:
    """All pages, or, of quantized models, the six with the longest answers."""
    longest = sorted(texts, key=lambda file: len(texts[file]))[-6:]
    return texts if quantization == "none" else {file: texts[file] for file in longest}


def labels_in(answer: str) -> list[str]:
    return [part.split("<|/ref|>")[0] for part in answer.split("<|ref|>")[1:]]


def has_ink(file: str, box: dict[str, Any]) -> bool:
    with Image.open(CHECKPOINTS / "pages" / file) as image:
        pixels = np.asarray(image.convert("L"))
    part = pixels[box["top"] : box["bottom"], box["left"] : box["right"]]
    whole = part.size == pixels.size
    return not whole and bool(part.size) and int(part.min()) < 64

"""The three models on a CUDA device: exact reading, memory measured, refused and given back."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ocr_api.catalog import load_catalog
from ocr_api.engines.base import Engine, Footprint, ReadOptions
from ocr_api.errors import EngineMemoryError, ModelLoadError
from ocr_api.pages import PageImage, PageText
from tests.checkpoints.reading import FOLDER, MODELS, texts

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(300),
    # the quantizing library builds tensors in ways that torch is about to forbid
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
QUANTIZATIONS = ("none", "8bit", "4bit")
_MIB = 1 << 20
_CHILD = """
import json, sys
from tests.gpu.test_cuda import loaded_on_gpu
engine, footprint = loaded_on_gpu(sys.argv[1], sys.argv[2])
print(json.dumps(footprint.memory_mib), flush=True)
sys.stdin.readline()
"""


def loaded_on_gpu(name: str, quantization: str, **settings: object) -> tuple[Engine, Footprint]:
    spec = load_catalog().model(name)
    module, _, class_name = spec.engine.partition(":")
    factory: Any = getattr(import_module(module), class_name)
    engine: Engine = factory(
        {
            **spec.settings,
            "folder": str(FOLDER / name),
            "device": "cuda",
            "quantization": quantization,
            "batch_pages": 8,
            **settings,
        }
    )
    footprint = engine.load()
    assert footprint is not None
    return engine, footprint


def page(file: str) -> PageImage:
    with Image.open(FOLDER / "pages" / file) as image:
        pixels = np.asarray(image.convert("RGB"))
    height_px, width_px = pixels.shape[:2]
    return PageImage(width_px, height_px, "RGB", memoryview(pixels.tobytes()))


def read(engine: Engine, files: Sequence[str], mode: str = "text") -> Sequence[PageText]:
    return engine.read(
        [page(file) for file in files],
        options=ReadOptions(prompt_mode=mode),
        on_text=lambda _index, _text: None,
        should_stop=lambda _index: False,
    )


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
@pytest.mark.parametrize("name", MODELS)
def test_pages_are_read_exactly_together_and_alone(name: str, quantization: str) -> None:
    engine, footprint = loaded_on_gpu(name, quantization)
    try:
        for mode, expected in texts(name).items():
            together = [text.raw_text for text in read(engine, list(expected), mode)]
            alone = [read(engine, [file], mode)[0].raw_text for file in expected]
            assert dict(zip(expected, together, strict=True)) == dict(expected)
            assert alone == together
    finally:
        engine.close()
    assert footprint.device == "cuda"
    assert (footprint.quantized_share or 0.0) > 0.2 or quantization == "none"


@contextmanager
def holding(free_mib: int) -> Iterator[None]:
    """Takes the device's memory but for this much."""
    torch.cuda.empty_cache()
    taken = torch.cuda.mem_get_info()[0] - free_mib * _MIB
    held = torch.empty(taken, dtype=torch.uint8, device="cuda")
    try:
        yield
    finally:
        del held
        torch.cuda.empty_cache()


def test_model_that_does_not_fit_is_refused_with_the_numbers() -> None:
    with (
        holding(free_mib=100),
        pytest.raises(ModelLoadError, match=r"about \d+ MiB on cuda and \d+ MiB are free"),
    ):
        loaded_on_gpu("got", "none")


def test_running_out_of_memory_while_reading_is_told_and_survived() -> None:
    engine, _ = loaded_on_gpu("deepseek", "none")
    files = list(texts("deepseek")["text"])[:8]
    expected = [texts("deepseek")["text"][file] for file in files]
    try:
        read(engine, files[:1])
        torch.cuda.set_per_process_memory_fraction(
            (torch.cuda.memory_allocated() + 2 * _MIB) / torch.cuda.mem_get_info()[1]
        )
        torch.cuda.empty_cache()
        with pytest.raises(EngineMemoryError):
            read(engine, files)
        torch.cuda.set_per_process_memory_fraction(1.0)
        assert [text.raw_text for text in read(engine, files)] == expected
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        engine.close()


def test_memory_is_back_once_the_process_is_gone() -> None:
    torch.zeros(1, device="cuda")
    before = torch.cuda.mem_get_info()[0]
    for _ in range(3):
        command = [sys.executable, "-c", _CHILD, "qari", "8bit"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=FOLDER.parents[1]
        ) as child:
            assert child.stdout is not None
            told_mib = int(child.stdout.readline())
            taken_mib = (before - torch.cuda.mem_get_info()[0]) / _MIB
            child.kill()
        assert taken_mib > 100
        assert 0.5 < told_mib / taken_mib < 2
        assert eventually_free(before - 30 * _MIB)


def eventually_free(least: int) -> bool:
    for _ in range(50):
        if torch.cuda.mem_get_info()[0] >= least:
            return True
        time.sleep(0.1)
    return False

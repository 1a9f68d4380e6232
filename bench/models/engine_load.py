"""Loads one model with our engine and reads with it, in a process of its own; prints JSON.

`python -m bench.models.engine_load <name> <folder> <quantization> <device> <tokens>`.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

import torch

from bench.models.own_memory import memory_of_self
from ocr_api.catalog import load_catalog
from ocr_api.engines.base import Engine, ReadOptions
from ocr_api.pages import PageImage

_BATCHES = (1, 4, 8)
_SIDE_PX = 1024


def main() -> None:
    """Measures and prints."""
    name, folder, quantization, device, tokens = sys.argv[1:]
    spec = load_catalog().model(name)
    module, _, class_name = spec.engine.partition(":")
    factory = cast(
        "Callable[[dict[str, object]], Engine]", getattr(import_module(module), class_name)
    )
    engine = factory(
        {
            **spec.settings,
            "folder": folder,
            "quantization": quantization,
            "device": device,
            "batch_pages": max(_BATCHES),
            "max_new_tokens": int(tokens),
        }
    )
    if device == "cuda":
        torch.zeros(1, device="cuda")  # the context is no part of loading
    started = time.perf_counter()
    footprint = engine.load()
    told: dict[str, Any] = {"load_s": time.perf_counter() - started, **memory_of_self(device)}
    told["quantized_share"] = None if footprint is None else footprint.quantized_share
    told["footprint_mib"] = None if footprint is None else footprint.memory_mib
    if int(tokens):
        _pages_per_s(engine, 1)  # the first page also compiles
        told["pages_per_s"] = {count: _pages_per_s(engine, count) for count in _batches(device)}
        told["after_reading"] = memory_of_self(device)
    sys.stdout.write(json.dumps(told) + "\n")


def _batches(device: str) -> tuple[int, ...]:
    return _BATCHES if device == "cuda" else _BATCHES[:1]


def _pages_per_s(engine: Engine, count: int) -> float:
    pages = [_noise(seed) for seed in range(count)]
    started = time.perf_counter()
    engine.read(
        pages,
        options=ReadOptions(),
        on_text=lambda _index, _text: None,
        should_stop=lambda _index: False,
    )
    return round(count / (time.perf_counter() - started), 4)


def _noise(seed: int) -> PageImage:
    pixels = random.Random(seed).randbytes(_SIDE_PX * _SIDE_PX)  # noqa: S311 - no secret
    return PageImage(_SIDE_PX, _SIDE_PX, "L", memoryview(pixels))


if __name__ == "__main__":
    main()

"""Reads pages with one model one at a time and together, in a process of its own; prints JSON.

`python -m bench.models.batch_read <name> <device> <tokens> <rounds> <pages together> <pages …>`:
the small checkpoint reads these pages. Without pages the model has its published size, random
weights, and reads noise.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

import torch
from PIL import Image

from bench.models.checkpoints import SMALL, write_checkpoint
from ocr_api.catalog import load_catalog
from ocr_api.engines.base import Engine, ReadOptions
from ocr_api.pages import PageImage

_SIDE_PX = 1024


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be read.

    Attributes:
        name: `got`, `qari` or `deepseek`.
        device: `cpu` or `cuda`.
        tokens: Most of a page.
        rounds: That are measured.
        together: Pages of a batch.
        files: The pages.
    """

    name: str
    device: str
    tokens: int
    rounds: int
    together: int
    files: Sequence[Path]

    def pages(self) -> Sequence[PageImage]:
        """Gives the pages, or noise."""
        return [_open(file) for file in self.files] or [_noise(one) for one in range(self.together)]


def main() -> None:
    """Measures and prints the seconds that a page takes in each way, by round."""
    name, device, tokens, rounds, together, *files = sys.argv[1:]
    load = Load(name, device, int(tokens), int(rounds), int(together), [Path(one) for one in files])
    if load.files:
        told = _measure(load, SMALL / name)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            told = _measure(load, write_checkpoint(name, Path(scratch) / name))
    sys.stdout.write(json.dumps(told) + "\n")


def _measure(load: Load, folder: Path) -> Mapping[str, object]:
    engine, pages = _engine(load, folder), load.pages()
    _read(engine, pages)  # the first reading also compiles
    alone_s: list[float] = []
    together_s: list[float] = []
    for _ in range(load.rounds):
        alone_s.append(round(sum(_read(engine, [page]) for page in pages) / len(pages), 4))
        together_s.append(round(_read(engine, pages) / len(pages), 4))
    figures = {"alone_s": alone_s, "together_s": together_s}
    return {"pages": len(pages), "threads": torch.get_num_threads(), **figures}


def _engine(load: Load, folder: Path) -> Engine:
    spec = load_catalog().model(load.name)
    module, _, class_name = spec.engine.partition(":")
    factory = cast(
        "Callable[[dict[str, object]], Engine]", getattr(import_module(module), class_name)
    )
    own = {"folder": str(folder), "quantization": "none", "device": load.device}
    limits = {"batch_pages": load.together, "max_new_tokens": load.tokens}
    engine = factory({**spec.settings, **own, **limits})
    engine.load()
    return engine


def _read(engine: Engine, pages: Sequence[PageImage]) -> float:
    """Gives the seconds it took."""
    started_at = time.perf_counter()
    engine.read(
        pages,
        options=ReadOptions(),
        on_text=lambda _index, _text: None,
        should_stop=lambda _index: False,
    )
    return time.perf_counter() - started_at


def _open(path: Path) -> PageImage:
    with Image.open(path) as image:
        grey = image.convert("L")
    return PageImage(grey.width, grey.height, "L", memoryview(grey.tobytes()))


def _noise(seed: int) -> PageImage:
    pixels = random.Random(seed).randbytes(_SIDE_PX * _SIDE_PX)  # noqa: S311 - no secret
    return PageImage(_SIDE_PX, _SIDE_PX, "L", memoryview(pixels))


if __name__ == "__main__":
    main()

"""Trains small checkpoints and writes them with their pages: `python -m tests.checkpoints.train`.

Names of models may follow (`got qari deepseek`); without any, all are trained.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from types import ModuleType

import torch

from tests.checkpoints.train import deepseek, got, qari
from tests.checkpoints.train.fitting import fit
from tests.checkpoints.train.lessons import make_lessons
from tests.checkpoints.train.rendering import answer, draw
from tests.checkpoints.train.sheets import MARKDOWN, SHEETS, TEXT

_FOLDER = Path(__file__).parents[1]
_ARCHITECTURES: Mapping[str, ModuleType] = {"got": got, "qari": qari, "deepseek": deepseek}
_VIEWS = 24
_SEED = 7


def main(names: Sequence[str]) -> None:
    """Trains these models, one after the other, on one thread."""
    torch.set_num_threads(1)  # two threads on a busy machine were eight times slower
    for name in names or tuple(_ARCHITECTURES):
        started = time.monotonic()
        _train(name)
        _tell(f"{name}: {time.monotonic() - started:.0f} s")
    _write_pages()


def _train(name: str) -> None:
    torch.manual_seed(_SEED)
    chance = Random(_SEED)  # noqa: S311 (not for secrets)
    pupil = _ARCHITECTURES[name].make()
    lessons = make_lessons(pupil, views=_VIEWS, chance=chance)
    _tell(f"{name}: {pupil.model.num_parameters()} parameters, {len(lessons)} lessons")
    margins = fit(pupil, lessons, chance, _tell)
    if min(margins.plain, margins.rounded) <= 0:
        _tell(f"{name}: some page is misread; give it more steps")
    folder = _FOLDER / name
    pupil.model.to(torch.bfloat16).save_pretrained(folder)
    pupil.processor.save_pretrained(folder)
    _ARCHITECTURES[name].finish(folder)


def _write_pages() -> None:
    texts: dict[str, dict[str, dict[str, str]]] = {}
    for name, sheets in SHEETS.items():
        for sheet in sheets:
            draw(sheet).image.save(_FOLDER / "pages" / f"{sheet.name}.png", optimize=True)
            for mode in (TEXT, MARKDOWN):
                text = answer(sheet, mode)
                if text is not None and not sheet.is_endless:
                    texts.setdefault(name, {}).setdefault(mode, {})[f"{sheet.name}.png"] = text
    told = json.dumps(texts, ensure_ascii=False, indent=2)
    (_FOLDER / "texts.json").write_text(told + "\n", "utf-8")


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

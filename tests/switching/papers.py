"""Pages whose text tells which model has read them, and the models that read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.models.serving import MODELS, page_bytes, put_into_models_dir, texts_of
from tests.service import small_png
from tests.worker.residency_catalog import write_catalog

CPU_ENGINE = "tesseract"
_UNINSPECTED = f"[models.{CPU_ENGINE}]\ninspect = false\n"
_SCRIPTED = ("one", "two", "three")
_SCRIPTED_MIB = 60
_SMALL_MIB = 430
_ROOM_FOR_TWO_MIB = 1000
_WIDTHS_PX = range(32, 48)
_OF_TESSERACT = ("got-invoice.png", "got-total.png", "got-number.png", "got-city.png")


@dataclass(frozen=True, slots=True)
class Page:
    """A page to be read.

    Attributes:
        name: Tells it from the others of its model.
        data: As it is uploaded.
        texts: What each model says that is known to read it; another says something else.
    """

    name: str
    data: bytes
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Papers:
    """Models that compete for memory, a CPU engine beside them, and pages for each.

    Attributes:
        models: Those that compete; the first is the default.
        pages: By model.
        environment: How the service is told of them.
    """

    models: tuple[str, ...]
    pages: Mapping[str, tuple[Page, ...]]
    environment: Mapping[str, str]


def scripted_papers(folder: Path) -> Papers:
    """Three scripted models of which two fit: quick to load, they say their name and the width."""
    told = {model: {"delay_s": 0.01, "load_delay_s": 0.1} for model in _SCRIPTED}
    catalog = write_catalog(folder / "own.toml", _SCRIPTED_MIB, **told)
    with catalog.open("a") as entries:
        entries.write(_UNINSPECTED)
    every = tuple(
        Page(str(width), small_png(width=width), {m: f"{m} {width}" for m in _SCRIPTED})
        for width in _WIDTHS_PX
    )
    return Papers(
        _SCRIPTED,
        {**dict.fromkeys(_SCRIPTED, every), CPU_ENGINE: _pages_of_tesseract()},
        {
            "CATALOG_FILE": str(catalog),
            "DEFAULT_MODEL": _SCRIPTED[0],
            "MODEL_MEMORY_MIB": str(2 * _SCRIPTED_MIB + 10),
            "MODEL_FAIRNESS_SECONDS": "1",
        },
    )


def small_papers(folder: Path) -> Papers:
    """The small checkpoints, each with its own pages; two of them fit."""
    catalog = folder / "own.toml"
    entries = [f"[models.{m}]\ninspect = false\nmemory_mib = {_SMALL_MIB}\n" for m in MODELS]
    catalog.write_text("".join([*entries, _UNINSPECTED]))
    pages = {
        model: tuple(
            Page(file, page_bytes(file), {model: text})
            for file, text in texts_of(model).items()
            if "<" not in text
        )
        for model in MODELS
    }
    return Papers(
        MODELS,
        {**pages, CPU_ENGINE: _pages_of_tesseract()},
        {
            "CATALOG_FILE": str(catalog),
            "DEFAULT_MODEL": MODELS[0],
            "MODEL_MEMORY_MIB": str(_ROOM_FOR_TWO_MIB),
            "CPU_MODELS": "true",
            "ALLOW_DOWNLOADS": "false",
            "MODELS_DIR": str(put_into_models_dir(folder / "models", *MODELS)),
            "HF_HOME": str(folder / "hf"),
            "QUANTIZATION": ",".join(f"{model}:none" for model in MODELS),
        },
    )


def _pages_of_tesseract() -> tuple[Page, ...]:
    """Pages in large Latin print; what it reads on them is learned before the run."""
    return tuple(Page(file, page_bytes(file), {}) for file in _OF_TESSERACT)

"""The steps of reading a page, called directly: decode, inspect, straighten, read."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from ocr_api.catalog import Catalog, ModelsNow, load_catalog, route, this_host
from ocr_api.documents import open_document
from ocr_api.engines.base import Engine, ReadOptions
from ocr_api.engines.inspector import PageInspector
from ocr_api.engines.straighten import straighten
from ocr_api.jobs import sniff_media_type
from ocr_api.messages import RenderPage


def warm_bare() -> None:
    """Loads everything once in each process."""
    _inspector()
    for model in ("tesseract", "rapidocr"):
        _engine(model)


def read_bare(path: str) -> str:
    """Reads one page and gives its text."""
    with Path(path).open("rb") as source:
        media_type = sniff_media_type(source.read(1024))
        if media_type is None:
            raise ValueError(path)
        source.seek(0)
        request = RenderPage(media_type, 1, max_pixels=100_000_000)
        with open_document(source, media_type) as document:
            page = document.render(request).page
    traits = _inspector().inspect(page)
    choice = route(traits, _catalog().routes, ModelsNow(_can_run))
    (text,) = _engine(choice.model).read(
        [straighten(page, traits)],
        options=ReadOptions(traits=(traits,)),
        on_text=lambda _index, _text: None,
        should_stop=lambda _index: False,
    )
    return text.text


@cache
def _catalog() -> Catalog:
    return load_catalog()


@cache
def _can_run(model: str) -> bool:
    return _catalog().availability(model, this_host()).is_available


@cache
def _inspector() -> PageInspector:
    return PageInspector()


@cache
def _engine(model: str) -> Engine:
    spec = _catalog().model(model)
    module, _, name = spec.engine.partition(":")
    engine: Engine = getattr(importlib.import_module(module), name)(spec.settings)
    engine.load()
    return engine

"""Renders documents held in memory, and shows pages as pictures."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from PIL import Image

from ocr_api.documents import open_document
from ocr_api.jobs import MediaType
from ocr_api.messages import RenderPage
from ocr_api.pages import PageImage


@dataclass(frozen=True)
class Seen:
    """One page of a document, as opening and rendering show it."""

    page: PageImage
    pages_total: int
    warnings: tuple[str, ...]


Render = Callable[..., Seen]


@pytest.fixture(scope="session")
def render() -> Render:
    """Gives `render(data, media_type, max_pages, **changes of the request)`."""

    def run(data: bytes, media_type: MediaType, max_pages: int = 1, **changes: Any) -> Seen:
        request = RenderPage(media_type, page_number=1, max_pixels=20_000_000)
        request = replace(request, **changes)
        file = io.BytesIO(data)
        with open_document(
            file, media_type, max_pages=max_pages, password=request.password
        ) as document:
            found = document.render(request)
            return Seen(found.page, document.pages_total, document.warnings + found.warnings)

    return run


@pytest.fixture(scope="session")
def shown() -> Callable[[PageImage], Image.Image]:
    """Gives the picture of a page."""

    def show(page: PageImage) -> Image.Image:
        size = (page.width_px, page.height_px)
        return Image.frombytes(page.mode, size, bytes(page.pixels))

    return show


@pytest.fixture(scope="session")
def saved() -> Callable[..., bytes]:
    """Gives the bytes of a picture in a format."""

    def save(picture: Image.Image, file_format: str, **options: object) -> bytes:
        target = io.BytesIO()
        picture.save(target, file_format, **options)
        return target.getvalue()

    return save

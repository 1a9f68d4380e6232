"""Renders documents held in memory, and shows pages as pictures."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from ocr_api.documents import RenderedPage, render_page
from ocr_api.jobs import MediaType
from ocr_api.messages import RenderPage
from ocr_api.pages import PageImage

Render = Callable[..., RenderedPage]


@pytest.fixture(scope="session")
def render() -> Render:
    """Gives `render(data, media_type, **changes of the request)`."""

    def run(data: bytes, media_type: MediaType, **changes: Any) -> RenderedPage:
        request = RenderPage(media_type, page_number=1, max_pages=1, max_pixels=20_000_000)
        return render_page(io.BytesIO(data), replace(request, **changes))

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

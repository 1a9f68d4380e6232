"""Light text on dark is turned round; dark photos and sheets on dark desks are left alone."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from ocr_api.documents.ground import has_dark_ground
from ocr_api.documents.normalise import INVERTED_WARNING
from ocr_api.jobs import MediaType
from tests.documents.conftest import Seen


def a_page(size: tuple[int, int], font_px: int) -> Image.Image:
    """Lines of dark text on white."""
    picture = Image.new("L", size, 255)
    draw = ImageDraw.Draw(picture)
    for top in range(font_px // 2, size[1] - font_px, 2 * font_px):
        draw.text(
            (font_px, top), "The quick brown fox jumps over it " * 3, fill=0, font_size=font_px
        )
    draw.rectangle((size[0] - font_px, 0, size[0], size[1]), fill=255)
    return picture


@pytest.mark.parametrize(
    ("size", "font_px"), [((1240, 1754), 30), ((600, 200), 40), ((300, 40), 20)]
)
@pytest.mark.parametrize("levels", [(0, 255), (30, 230), (60, 160)])
def test_light_text_on_dark_is_found(
    size: tuple[int, int], font_px: int, levels: tuple[int, int]
) -> None:
    inverted = ImageOps.invert(a_page(size, font_px))
    low, high = levels
    assert has_dark_ground(inverted.point(lambda level: low + level * (high - low) // 255))


@pytest.mark.parametrize(
    ("size", "font_px"), [((1240, 1754), 30), ((600, 200), 40), ((300, 40), 20)]
)
def test_dark_text_on_light_is_left_alone(size: tuple[int, int], font_px: int) -> None:
    page = a_page(size, font_px)
    assert not has_dark_ground(page)
    assert not has_dark_ground(page.point(lambda level: 40 + level * 100 // 255))


@pytest.mark.parametrize("share", [0.15, 0.3, 0.6, 0.9])
def test_sheet_on_a_dark_desk_is_left_alone(share: float) -> None:
    desk = Image.new("L", (1000, 1000), 25)
    side = round(1000 * share**0.5)
    sheet = a_page((side, side), max(12, side // 40))
    desk.paste(sheet, ((1000 - side) // 2, (1000 - side) // 2))
    assert not has_dark_ground(desk)


def test_page_in_the_shade_is_left_alone() -> None:
    page = a_page((800, 1000), 24)
    shade = Image.linear_gradient("L").resize(page.size)
    dim = Image.composite(page, page.point(lambda level: level // 4), shade)
    assert not has_dark_ground(dim)


def test_dark_photo_is_left_alone() -> None:
    noise = random.Random(5)  # noqa: S311 - a picture, not a secret
    small = Image.new("L", (24, 24))
    small.putdata([min(255, int(noise.expovariate(1 / 45))) for _ in range(24 * 24)])
    photo = small.resize((900, 900), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(4))
    assert not has_dark_ground(photo)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_picture_of_one_level_is_left_alone(level: int) -> None:
    assert not has_dark_ground(Image.new("L", (400, 300), level))


def test_inverted_page_is_turned_round_with_a_warning(
    render: Callable[..., Seen], saved: Callable[..., bytes]
) -> None:
    inverted = ImageOps.invert(a_page((600, 400), 24))
    rendered = render(saved(inverted, "PNG"), MediaType.PNG)
    assert rendered.warnings == (INVERTED_WARNING,)
    assert rendered.page.pixels[0] == 255

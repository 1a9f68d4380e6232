"""Every format and pixel mode becomes dark text on a light ground."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw, ImageOps

from ocr_api.documents import READABLE_TYPES
from ocr_api.documents.images import FIRST_FRAME_WARNING
from ocr_api.errors import TooManyPagesError, TooManyPixelsError, UnsupportedTypeError
from ocr_api.jobs import MediaType, sniff_media_type
from ocr_api.pages import PageImage
from tests.documents.conftest import Seen

Render = Callable[..., Seen]
Shown = Callable[[PageImage], Image.Image]
Saved = Callable[..., bytes]

WIDTH, HEIGHT = 160, 80
STROKE = (40, 30, 120, 37)
LOSSLESS = {"lossless": True}
FORMATS_AND_MODES = [
    ("JPEG", "L", {"quality": 95}),
    ("JPEG", "RGB", {"quality": 95}),
    ("JPEG", "CMYK", {"quality": 95}),
    ("JPEG", "RGB", {"quality": 95, "progressive": True}),
    ("PNG", "1", {}),
    ("PNG", "L", {}),
    ("PNG", "LA", {}),
    ("PNG", "P", {}),
    ("PNG", "RGB", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "I;16", {}),
    ("GIF", "L", {}),
    ("GIF", "P", {}),
    ("BMP", "1", {}),
    ("BMP", "L", {}),
    ("BMP", "P", {}),
    ("BMP", "RGB", {}),
    ("BMP", "RGBA", {}),
    ("TIFF", "1", {}),
    ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "L", {"compression": "tiff_lzw"}),
    ("TIFF", "LA", {}),
    ("TIFF", "P", {}),
    ("TIFF", "RGB", {"compression": "tiff_deflate"}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("TIFF", "RGBA", {}),
    ("TIFF", "CMYK", {}),
    ("TIFF", "YCbCr", {}),
    ("TIFF", "LAB", {}),
    ("TIFF", "I;16", {}),
    ("TIFF", "I", {}),
    ("TIFF", "F", {}),
    ("WEBP", "RGB", LOSSLESS),
    ("WEBP", "RGBA", LOSSLESS),
    ("WEBP", "RGB", {}),
    ("AVIF", "L", {}),
    ("AVIF", "RGB", {}),
    ("AVIF", "RGBA", {}),
]


def level(page: Image.Image, at: tuple[int, int]) -> float:
    """The grey level of one pixel."""
    found = page.getpixel(at)
    assert isinstance(found, int | float)
    return found


def a_line(mode: str) -> Image.Image:
    """A dark stroke on white, of that mode."""
    picture = Image.new("L", (WIDTH, HEIGHT), 250)
    ImageDraw.Draw(picture).rectangle(STROKE, fill=10)
    if mode in {"I;16", "I", "F"}:
        return picture.convert("I").point(lambda value: value * 4).convert(mode)
    if mode == "LAB":
        flat = Image.new("L", picture.size, 128)
        return Image.merge("LAB", (picture, flat, flat))
    return picture.convert(mode) if mode == "P" else picture.convert("RGB").convert(mode)


@pytest.mark.parametrize(("file_format", "mode", "options"), FORMATS_AND_MODES)
def test_every_mode_becomes_dark_on_light(
    file_format: str,
    mode: str,
    options: dict[str, object],
    render: Render,
    shown: Shown,
    saved: Saved,
) -> None:
    data = saved(a_line(mode), file_format, **options)
    media_type = sniff_media_type(data[:1024])
    assert media_type is MediaType[file_format]
    rendered = render(data, media_type)
    page = shown(rendered.page)
    assert (page.mode, page.size) == ("L", (WIDTH, HEIGHT))
    assert rendered.pages_total == 1
    assert level(page, (80, 33)) < 40
    assert level(page, (5, 5)) > 230


def test_colour_stays_colour(render: Render, shown: Shown, saved: Saved) -> None:
    picture = Image.new("RGB", (60, 40), "white")
    ImageDraw.Draw(picture).rectangle((20, 15, 40, 18), fill=(200, 0, 0))
    page = shown(render(saved(picture, "PNG"), MediaType.PNG).page)
    assert page.mode == "RGB"
    assert page.getpixel((30, 16)) == (200, 0, 0)


def test_palette_transparency_shows_white(render: Render, shown: Shown, saved: Saved) -> None:
    picture = Image.new("P", (100, 60), 0)
    picture.putpalette([0, 0, 0, 20, 20, 20])
    ImageDraw.Draw(picture).rectangle((20, 25, 80, 30), fill=1)
    for file_format in ("PNG", "GIF"):
        data = saved(picture, file_format, transparency=0)
        page = shown(render(data, MediaType[file_format]).page).convert("L")
        assert page.getpixel((2, 2)) == 255
        assert page.getpixel((50, 27)) == 20


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_white_glyphs_on_transparency_stay_visible(
    mode: str, render: Render, shown: Shown, saved: Saved
) -> None:
    picture = Image.new("RGBA", (200, 60), (255, 255, 255, 0))
    ImageDraw.Draw(picture).text((10, 10), "white", fill=(255, 255, 255, 255), font_size=30)
    page = shown(render(saved(picture.convert(mode), "PNG"), MediaType.PNG).page)
    assert page.getpixel((1, 1)) == 255
    assert page.getextrema()[0] == 0


def test_dark_glyphs_on_transparency_stay_visible(
    render: Render, shown: Shown, saved: Saved
) -> None:
    picture = Image.new("RGBA", (200, 60), (0, 0, 0, 0))
    ImageDraw.Draw(picture).text((10, 10), "dark", fill=(0, 0, 0, 255), font_size=30)
    page = shown(render(saved(picture, "WEBP", **LOSSLESS), MediaType.WEBP).page)
    assert page.getpixel((1, 1)) == 255
    assert page.getextrema()[0] == 0


def test_window_with_transparent_corners_is_not_inverted(
    render: Render, shown: Shown, saved: Saved
) -> None:
    picture = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((0, 0, 299, 199), 30, fill=(245, 245, 245, 255))
    draw.text((40, 60), "a window of text", fill=(0, 0, 0, 255), font_size=28)
    page = shown(render(saved(picture, "PNG"), MediaType.PNG).page)
    assert page.getpixel((0, 0)) == 255
    assert page.getpixel((150, 20)) == 245


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_exif_orientation_is_applied_once(
    file_format: str, orientation: int, render: Render, shown: Shown, saved: Saved
) -> None:
    picture = Image.new("L", (96, 48), 255)
    ImageDraw.Draw(picture).rectangle((4, 4, 40, 10), fill=0)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(picture, file_format, exif=exif)
    with Image.open(io.BytesIO(data)) as reread:
        expected = ImageOps.exif_transpose(reread).convert("L")
    page = shown(render(data, MediaType[file_format]).page)
    assert page.size == ((96, 48) if orientation < 5 else (48, 96))
    assert [p > 128 for p in page.tobytes()] == [p > 128 for p in expected.tobytes()]


def test_twelve_bits_in_sixteen_are_stretched(render: Render, shown: Shown, saved: Saved) -> None:
    picture = Image.new("I;16", (100, 50), 4000)
    picture.paste(100, (20, 20, 80, 25))
    page = shown(render(saved(picture, "PNG"), MediaType.PNG).page)
    assert page.getextrema() == (0, 255)


def test_float_pictures_survive_values_that_are_no_numbers(
    render: Render, shown: Shown, saved: Saved
) -> None:
    picture = Image.new("F", (100, 50), 0.9)
    picture.paste(-0.5, (20, 20, 80, 25))
    for place, value in enumerate((float("nan"), float("inf"), float("-inf"))):
        picture.putpixel((place, 0), value)
    page = shown(render(saved(picture, "TIFF"), MediaType.TIFF).page)
    assert page.getpixel((50, 22)) == 0
    assert [page.getpixel((place, 0)) for place in range(4)] == [255] * 4


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_deep_picture_of_one_value_is_an_empty_page(
    mode: str, render: Render, shown: Shown, saved: Saved
) -> None:
    data = saved(Image.new(mode, (30, 30), 7), "TIFF")
    assert shown(render(data, MediaType.TIFF).page).getextrema() == (255, 255)


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP", "AVIF"])
def test_animation_gives_its_first_frame_and_a_warning(
    file_format: str, render: Render, shown: Shown, saved: Saved
) -> None:
    first, second = a_line("RGB"), Image.new("RGB", (WIDTH, HEIGHT), (250, 250, 250))
    ImageDraw.Draw(second).rectangle((0, 60, 30, 70), fill="black")
    data = saved(first, file_format, save_all=True, append_images=[second])
    rendered = render(data, MediaType[file_format])
    assert FIRST_FRAME_WARNING in rendered.warnings
    assert level(shown(rendered.page).convert("L"), (80, 33)) < 40


def test_second_tiff_page_is_refused_or_read_as_allowed(
    render: Render, shown: Shown, saved: Saved
) -> None:
    data = saved(a_line("L"), "TIFF", save_all=True, append_images=[Image.new("L", (9, 7), 200)])
    with pytest.raises(TooManyPagesError) as caught:
        render(data, MediaType.TIFF)
    assert caught.value.facts == {"pages_total": 2, "max_pages": 1}
    rendered = render(data, MediaType.TIFF, max_pages=2, page_number=2)
    assert (rendered.pages_total, shown(rendered.page).size) == (2, (9, 7))


def test_tiff_thumbnail_is_no_page(render: Render, saved: Saved) -> None:
    thumbnail = Image.new("L", (9, 7), 200)
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    data = saved(a_line("L"), "TIFF", save_all=True, append_images=[thumbnail])
    assert render(data, MediaType.TIFF).pages_total == 1


@pytest.mark.parametrize(
    ("stated", "expected"), [((300, 300), 300), ((1, 1), None), ((9600, 9600), None)]
)
def test_only_plausible_resolutions_are_believed(
    stated: tuple[int, int], expected: int | None, render: Render, saved: Saved
) -> None:
    data = saved(a_line("L"), "TIFF", dpi=stated)
    assert render(data, MediaType.TIFF).page.dpi == expected


def test_fax_pixels_become_square(render: Render, saved: Saved) -> None:
    rendered = render(saved(a_line("1"), "TIFF", dpi=(204, 98)), MediaType.TIFF)
    assert (rendered.page.width_px, rendered.page.height_px) == (WIDTH, round(HEIGHT * 204 / 98))
    assert rendered.page.dpi == 204


def test_fax_page_that_grows_beyond_the_limit_is_refused(render: Render, saved: Saved) -> None:
    data = saved(a_line("1"), "TIFF", dpi=(204, 98))
    with pytest.raises(TooManyPixelsError):
        render(data, MediaType.TIFF, max_pixels=WIDTH * HEIGHT)


def test_heic_is_refused_with_a_way_out(render: Render) -> None:
    assert MediaType.HEIC not in READABLE_TYPES
    with pytest.raises(UnsupportedTypeError, match="Convert the file"):
        render(b"\0\0\0\x18ftypheic", MediaType.HEIC)

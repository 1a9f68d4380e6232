"""Truncated, huge and disguised picture files are refused by a clear error."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw

from ocr_api.documents.images import BROKEN_LIST_WARNING
from ocr_api.documents.jpeg_end import JPEG_END_WARNING
from ocr_api.errors import (
    DamagedDocumentError,
    EmptyUploadError,
    TooManyPagesError,
    TooManyPixelsError,
)
from ocr_api.jobs import MediaType, sniff_media_type
from tests.documents.conftest import Seen

Render = Callable[..., Seen]
Saved = Callable[..., bytes]

FORMATS = ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"]


def a_page() -> Image.Image:
    """Text that does not compress away."""
    picture = Image.effect_noise((300, 200), 20).point(lambda level: min(255, level + 100))
    ImageDraw.Draw(picture).text((20, 60), "to be cut off", fill=0, font_size=40)
    return picture.convert("RGB")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("file_format", FORMATS)
def test_truncated_file_is_refused(
    file_format: str, kept: float, render: Render, saved: Saved
) -> None:
    data = saved(a_page(), file_format)
    with pytest.raises(DamagedDocumentError, match="damaged or was cut off"):
        render(data[: int(len(data) * kept)], MediaType[file_format])


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "group4", "jpeg"])
def test_truncated_tiff_is_refused_whatever_its_compression(
    compression: str, render: Render, saved: Saved
) -> None:
    picture = a_page().convert("1" if compression == "group4" else "L")
    data = bytearray(saved(picture, "TIFF", compression=compression))
    where = int.from_bytes(data[4:8], "little")
    pixels_first = where > len(data) // 2
    if not pixels_first:
        del data[len(data) * 3 // 4 :]
    else:
        # The list of pages stands at the end: take it forward over lost pixels.
        data[8 : 8 + (where - 8) // 2] = b""
        data[4:8] = (where - (where - 8) // 2).to_bytes(4, "little")
    with pytest.raises(DamagedDocumentError):
        render(bytes(data), MediaType.TIFF)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("missing", [1, 2])
def test_jpeg_without_end_marker_is_read_with_a_warning(
    missing: int, options: dict[str, object], render: Render, saved: Saved
) -> None:
    data = saved(a_page(), "JPEG", **options)
    whole, cut = render(data, MediaType.JPEG), render(data[:-missing], MediaType.JPEG)
    assert cut.warnings == (JPEG_END_WARNING,)
    assert cut.page.pixels == whole.page.pixels


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("missing", [20, 100, 2000])
def test_jpeg_without_its_last_pixels_is_refused(
    missing: int, options: dict[str, object], render: Render, saved: Saved
) -> None:
    data = saved(a_page(), "JPEG", **options)
    with pytest.raises(DamagedDocumentError):
        render(data[:-missing], MediaType.JPEG)


def test_jpeg_with_unfilled_end_is_refused(render: Render, saved: Saved) -> None:
    data = saved(a_page(), "JPEG")
    half = len(data) // 2
    with pytest.raises(DamagedDocumentError):
        render(data[:half] + bytes(half), MediaType.JPEG)


@pytest.mark.parametrize("file_format", FORMATS)
def test_bytes_behind_the_end_do_no_harm(file_format: str, render: Render, saved: Saved) -> None:
    data = saved(a_page(), file_format)
    assert render(data + b"<script>alert(1)</script>", MediaType[file_format]).pages_total == 1


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def a_png_bomb(side: int = 50_000) -> bytes:
    """Zeros: a few hundred bytes here stand for gigabytes."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (_png_chunk(b"IHDR", header), _png_chunk(b"IDAT", body), _png_chunk(b"IEND", b""))
    )


def _with_size(data: bytes, at: int, code: str, size: tuple[int, int]) -> bytes:
    changed = bytearray(data)
    struct.pack_into(code, changed, at, *size)
    return bytes(changed)


def _bombs() -> dict[str, bytes]:
    small = Image.new("RGB", (8, 8))
    files: dict[str, bytes] = {"PNG": a_png_bomb()}
    for file_format in ("GIF", "BMP", "JPEG", "TIFF", "WEBP", "AVIF"):
        target = io.BytesIO()
        small.save(target, file_format, **({"lossless": True} if file_format == "WEBP" else {}))
        files[file_format] = target.getvalue()
    huge = (60_000, 60_000)
    files["GIF"] = _with_size(files["GIF"], 6, "<HH", huge)
    files["BMP"] = _with_size(files["BMP"], 18, "<ii", huge)
    frame = files["JPEG"].index(b"\xff\xc0")
    files["JPEG"] = _with_size(files["JPEG"], frame + 5, ">HH", huge)
    files["WEBP"] = _with_size(files["WEBP"], 21, "<HH", (0xFFFF, 0x0FFF))
    extents = files["AVIF"].index(b"ispe")
    files["AVIF"] = _with_size(files["AVIF"], extents + 8, ">II", (16_000, 16_000))
    data = files["TIFF"]
    entry = int.from_bytes(data[4:8], "little") + 2
    for at in (entry, entry + 12):  # ImageWidth, ImageLength
        data = data[: at + 2] + struct.pack("<HII", 4, 1, 60_000) + data[at + 12 :]
    files["TIFF"] = data
    return files


@pytest.mark.parametrize("file_format", FORMATS)
def test_bomb_is_refused_before_it_is_decoded(file_format: str, render: Render) -> None:
    with pytest.raises(TooManyPixelsError, match="Send it at a lower resolution") as caught:
        render(_bombs()[file_format], MediaType[file_format])
    assert caught.value.facts["max_pixels"] == 20_000_000


def test_gif_whose_frame_exceeds_its_canvas_is_refused(render: Render) -> None:
    target = io.BytesIO()
    Image.new("L", (8, 8)).save(target, "GIF")
    data = target.getvalue()
    frame = data.rindex(b",")
    with pytest.raises((TooManyPixelsError, DamagedDocumentError)):
        render(_with_size(data, frame + 5, "<HH", (60_000, 60_000)), MediaType.GIF)


def test_tiff_whose_pages_go_in_a_circle_comes_to_an_end(render: Render, saved: Saved) -> None:
    data = bytearray(saved(Image.new("L", (8, 8), 255), "TIFF"))
    first = int.from_bytes(data[4:8], "little")
    entries = int.from_bytes(data[first : first + 2], "little")
    following = first + 2 + 12 * entries
    data[following : following + 4] = first.to_bytes(4, "little")
    assert render(bytes(data), MediaType.TIFF).pages_total == 1


def test_tiff_whose_list_of_pages_breaks_off_is_read_with_a_warning(
    render: Render, saved: Saved
) -> None:
    data = bytearray(saved(Image.new("L", (8, 8), 255), "TIFF"))
    first = int.from_bytes(data[4:8], "little")
    entries = int.from_bytes(data[first : first + 2], "little")
    following = first + 2 + 12 * entries
    data[following : following + 4] = (len(data) + 100).to_bytes(4, "little")
    assert render(bytes(data), MediaType.TIFF).warnings == (BROKEN_LIST_WARNING,)


def test_tiff_of_many_tiny_pages_is_counted_not_decoded(render: Render, saved: Saved) -> None:
    pages = [Image.new("1", (1, 1)) for _ in range(300)]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(TooManyPagesError, match="300 pages"):
        render(data, MediaType.TIFF)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!DOCTYPE html><html><body>not a picture</body></html>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
        b"\xc5\xd0\xd3\xc6" + bytes(26),
        b"PK\x03\x04" + bytes(40),
        b"\x7fELF" + bytes(40),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
def test_foreign_files_are_of_no_type_that_is_read(data: bytes) -> None:
    assert sniff_media_type(data) is None


@pytest.mark.parametrize("claimed", [*FORMATS, "PDF"])
def test_only_the_named_decoder_is_tried(claimed: str, render: Render, saved: Saved) -> None:
    other = "PNG" if claimed != "PNG" else "BMP"
    with pytest.raises(DamagedDocumentError):
        render(saved(a_page(), other), MediaType[claimed])


@pytest.mark.parametrize("claimed", [*FORMATS, "PDF"])
def test_postscript_is_never_run(claimed: str, render: Render) -> None:
    with pytest.raises(DamagedDocumentError):
        render(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", MediaType[claimed])


def test_polyglot_is_what_its_first_bytes_say(render: Render, saved: Saved) -> None:
    picture = saved(a_page(), "JPEG")
    polyglot = picture + b"\n%PDF-1.7\ntrailer<</Root 1 0 R>>\n%%EOF"
    assert sniff_media_type(polyglot[:1024]) is MediaType.JPEG
    assert render(polyglot, MediaType.JPEG).page.width_px == 300


@pytest.mark.parametrize("media_type", [MediaType.PNG, MediaType.PDF])
def test_empty_file_is_refused(media_type: MediaType, render: Render) -> None:
    with pytest.raises(EmptyUploadError):
        render(b"", media_type)


def test_foreign_messages_are_not_shown(render: Render) -> None:
    with pytest.raises(DamagedDocumentError) as caught:
        render(b"\x89PNG\r\n\x1a\n" + bytes(30), MediaType.PNG)
    assert caught.value.__cause__ is not None
    assert str(caught.value.__cause__) not in caught.value.detail

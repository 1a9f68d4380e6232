"""Whatever happens to a file, the outcome is a page or an error of ours."""

from __future__ import annotations

import io
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from ocr_api.documents import open_document
from ocr_api.errors import DocumentError, EmptyUploadError
from ocr_api.jobs import MediaType
from ocr_api.messages import RenderPage

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PDF")
MAX_PIXELS = 1_000_000

mutations = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "remove", "cut", "double"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


@cache
def a_file(file_format: str) -> bytes:
    """A sound file."""
    picture = Image.new("RGB", (64, 32), "white")
    ImageDraw.Draw(picture).text((4, 8), "Abc", fill="black")
    target = io.BytesIO()
    picture.save(target, file_format, exif=_exif() if file_format != "PDF" else b"")
    return target.getvalue()


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def mutated(data: bytes, kind: str, place: float, part: bytes) -> bytes:
    """One change at a relative place."""
    at = int(len(data) * place)
    return {
        "replace": data[:at] + part + data[at + len(part) :],
        "insert": data[:at] + part + data[at:],
        "remove": data[:at] + data[at + len(part) :],
        "cut": data[:at],
        "double": data[:at] + data[at // 2 :],
    }[kind]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FORMATS), mutations)
def test_mutated_file_is_a_page_or_an_error_of_ours(
    file_format: str, changes: list[tuple[str, float, bytes]]
) -> None:
    data = a_file(file_format)
    for change in changes:
        data = mutated(data, *change)
    request = RenderPage(MediaType[file_format], 1, max_pixels=MAX_PIXELS, dpi=72)
    try:
        file = io.BytesIO(data)
        with open_document(file, request.media_type, max_pages=1) as document:
            rendered = document.render(request)
    except (DocumentError, EmptyUploadError) as error:
        assert error.detail.endswith(".")
    else:
        assert rendered.page.width_px * rendered.page.height_px <= MAX_PIXELS

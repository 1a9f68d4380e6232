"""The first bytes decide, never the name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.jobs import SNIFF_BYTES, MediaType, sniff_media_type


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", MediaType.JPEG),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", MediaType.PNG),
        (b"GIF89a\1\0", MediaType.GIF),
        (b"BM6\0\0\0", MediaType.BMP),
        (b"II*\0\x08\0\0\0", MediaType.TIFF),
        (b"MM\0*\0\0\0\x08", MediaType.TIFF),
        (b"RIFF\x24\0\0\0WEBPVP8 ", MediaType.WEBP),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", MediaType.AVIF),
        (b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1", MediaType.AVIF),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", MediaType.HEIC),
        (b"%PDF-1.7\n", MediaType.PDF),
        (b"garbage before\r\n%PDF-1.4\n", MediaType.PDF),
    ],
)
def test_type_is_named(head: bytes, expected: MediaType) -> None:
    assert sniff_media_type(head) is expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"<!DOCTYPE html><title>page.png</title>",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"PK\x03\x04",
        b"\0\0\0\x18ftypisom\0\0\0\0mp42",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\x89PNG",
        b"%PDF",
    ],
)
def test_anything_else_is_not_named(head: bytes) -> None:
    assert sniff_media_type(head) is None


def test_pdf_header_beyond_the_first_bytes_does_not_count() -> None:
    assert sniff_media_type(b" " * SNIFF_BYTES + b"%PDF-1.7") is None


@given(st.binary(max_size=SNIFF_BYTES))
def test_no_bytes_make_it_fail(head: bytes) -> None:
    assert sniff_media_type(head) is None or isinstance(sniff_media_type(head), MediaType)

"""PDF pages are rendered as a viewer shows them; hostile files end in a clear error."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any, Literal

import pikepdf
import pytest
from PIL import Image

from ocr_api.errors import (
    DamagedDocumentError,
    DocumentError,
    EncryptedDocumentError,
    TooManyPagesError,
)
from ocr_api.jobs import MediaType
from ocr_api.pages import PageImage
from tests.documents.conftest import Seen

Render = Callable[..., Seen]
Shown = Callable[[PageImage], Image.Image]
Saved = Callable[..., bytes]

PDF = MediaType.PDF
BAR = b"0 g 20 20 60 20 re f"


def level(page: Image.Image, at: tuple[int, int]) -> float:
    """The grey level of one pixel."""
    found = page.getpixel(at)
    assert isinstance(found, int | float)
    return found


def a_pdf(content: bytes = BAR, *, pages: int = 1, **entries: object) -> bytes:
    """A PDF whose pages of 200 x 100 points all have that content and those entries."""
    document = pikepdf.new()
    for _ in range(pages):
        page = document.add_blank_page(page_size=(200, 100))
        page.Contents = document.make_stream(content)
        for name, value in entries.items():
            page.obj[f"/{name}"] = value
    return _bytes_of(document)


def _bytes_of(document: pikepdf.Pdf, **options: Any) -> bytes:
    target = io.BytesIO()
    document.save(target, **options)
    return target.getvalue()


def a_raw_pdf(*objects: bytes) -> bytes:
    """Numbered objects, the first of them the catalogue; the table is left to be repaired."""
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % item for item in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer<</Root 1 0 R>>\n%%EOF"


def a_scan(size_px: tuple[int, int], page_pt: tuple[float, float], saved: Saved) -> bytes:
    """One picture over the whole page."""
    document = pikepdf.new()
    page = document.add_blank_page(page_size=page_pt)
    picture = pikepdf.Stream(document, saved(Image.new("L", size_px, 230), "JPEG"))
    picture.stream_dict = pikepdf.Dictionary(
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=size_px[0],
        Height=size_px[1],
        ColorSpace=pikepdf.Name.DeviceGray,
        BitsPerComponent=8,
        Filter=pikepdf.Name.DCTDecode,
    )
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Scan=picture))
    page.Contents = document.make_stream(b"%f 0 0 %f 0 0 cm /Scan Do" % page_pt)
    return _bytes_of(document)


def test_vector_page_is_rendered_at_300_dpi(render: Render, shown: Shown) -> None:
    rendered = render(a_pdf(), PDF)
    page = shown(rendered.page)
    assert (page.mode, page.size, rendered.page.dpi) == ("L", (834, 417), 300)
    assert page.getpixel((200, 290)) == 0
    assert page.getpixel((10, 10)) == 255


def test_resolution_asked_for_is_used(render: Render) -> None:
    rendered = render(a_pdf(), PDF, dpi=72)
    assert (rendered.page.width_px, rendered.page.dpi) == (200, 72)


def test_colour_page_is_rendered_in_colour(render: Render, shown: Shown) -> None:
    page = shown(render(a_pdf(b"1 0 0 rg 20 20 60 20 re f"), PDF, dpi=72).page)
    assert page.getpixel((50, 70)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("size_px", "page_pt", "dpi"),
    [
        ((1000, 500), (360, 180), 200),
        ((500, 250), (360, 180), 150),
        ((4000, 2000), (360, 180), 400),
        ((1500, 750), (1500, 750), 72),
    ],
)
def test_scan_keeps_its_own_resolution(
    size_px: tuple[int, int], page_pt: tuple[float, float], dpi: int, render: Render, saved: Saved
) -> None:
    assert render(a_scan(size_px, page_pt, saved), PDF).page.dpi == dpi


def test_scan_keeps_its_own_pixels(render: Render, saved: Saved) -> None:
    page = render(a_scan((2480, 3508), (595.2, 841.92), saved), PDF).page
    assert (page.width_px, page.height_px) == (2480, 3508)


def test_rotation_and_crop_box_are_respected(render: Render) -> None:
    data = a_pdf(Rotate=90, CropBox=pikepdf.Array([0, 0, 100, 50]))
    page = render(data, PDF, dpi=72).page
    assert (page.width_px, page.height_px) == (50, 100)


def test_annotations_are_drawn(render: Render, shown: Shown) -> None:
    document = pikepdf.open(io.BytesIO(a_pdf(b"")))
    look = document.make_stream(b"0 g 0 0 50 20 re f")
    look.stream_dict = pikepdf.Dictionary(
        Subtype=pikepdf.Name.Form, BBox=pikepdf.Array([0, 0, 50, 20])
    )
    note = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot,
        Subtype=pikepdf.Name.Stamp,
        Rect=pikepdf.Array([10, 10, 60, 30]),
        AP=pikepdf.Dictionary(N=look),
        F=4,
    )
    document.pages[0].Annots = pikepdf.Array([document.make_indirect(note)])
    assert shown(render(_bytes_of(document), PDF, dpi=72).page).getpixel((30, 80)) == 0


def test_form_fields_are_drawn(render: Render, shown: Shown) -> None:
    document = pikepdf.open(io.BytesIO(a_pdf(b"")))
    look = document.make_stream(b"/Tx BMC 0 g 0 0 50 20 re f EMC")
    look.stream_dict = pikepdf.Dictionary(
        Subtype=pikepdf.Name.Form, BBox=pikepdf.Array([0, 0, 50, 20])
    )
    field = document.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Widget,
            FT=pikepdf.Name.Tx,
            T="name",
            V="x",
            Rect=pikepdf.Array([10, 10, 60, 30]),
            AP=pikepdf.Dictionary(N=look),
            F=4,
        )
    )
    document.pages[0].Annots = pikepdf.Array([field])
    document.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([field]))
    assert level(shown(render(_bytes_of(document), PDF, dpi=72).page), (30, 80)) < 128


def test_light_text_on_a_dark_page_is_turned_round(render: Render, shown: Shown) -> None:
    content = b"0 0 0.2 rg 0 0 200 100 re f 1 g 20 50 120 3 re f"
    page = shown(render(a_pdf(content), PDF).page).convert("L")
    assert level(page, (5, 5)) > 200


def test_second_page_is_refused_or_read_as_allowed(render: Render) -> None:
    data = a_pdf(pages=2)
    with pytest.raises(TooManyPagesError, match="has 2 pages; one page can be read"):
        render(data, PDF)
    assert render(data, PDF, max_pages=2, page_number=2, dpi=72).pages_total == 2


def test_absurd_page_is_rendered_coarsely_with_a_warning(render: Render) -> None:
    data = a_pdf(MediaBox=pikepdf.Array([0, 0, 14400, 14400]))
    rendered = render(data, PDF, max_pixels=4_000_000)
    assert rendered.page.width_px * rendered.page.height_px <= 4_000_000
    assert "rendered at" in rendered.warnings[0]


@pytest.mark.parametrize(
    "box",
    [
        b"[0 0 1e30 1e30]",
        b"[0 0 0 0]",
        b"[0 0 -5 1e9]",
        b"[0 0 99999999999999999999 0.0000001]",
        b"[(a) (b) null 3]",
        b"[0 0 1e38 1e38]/UserUnit 1e20",
    ],
)
def test_page_of_impossible_size_is_a_page_or_a_clear_error(box: bytes, render: Render) -> None:
    data = a_raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox%b>>" % box,
    )
    try:
        page = render(data, PDF, max_pixels=1_000_000).page
    except DocumentError:
        return
    assert page.width_px * page.height_px <= 1_000_000


@pytest.mark.parametrize("bits", [2, 3, 4, 6])
def test_encrypted_file_needs_its_password(bits: Literal[2, 3, 4, 6], render: Render) -> None:
    document = pikepdf.open(io.BytesIO(a_pdf()))
    modern = bits >= 4
    lock = pikepdf.Encryption(owner="o", user="u", R=bits, aes=modern, metadata=modern)
    locked = _bytes_of(document, encryption=lock)
    with pytest.raises(EncryptedDocumentError, match="needs a password"):
        render(locked, PDF)
    for right in ("u", "o"):
        assert render(locked, PDF, dpi=72, password=right).pages_total == 1
        with pytest.raises(EncryptedDocumentError, match="does not open with the password"):
            render(locked, PDF, password=right.upper())


def test_file_locked_only_against_changes_is_read(render: Render) -> None:
    document = pikepdf.open(io.BytesIO(a_pdf()))
    locked = _bytes_of(document, encryption=pikepdf.Encryption(owner="o", user="", R=6))
    assert render(locked, PDF, dpi=72).pages_total == 1


def test_unknown_security_handler_counts_as_locked(render: Render) -> None:
    data = a_pdf().replace(b"trailer <<", b"trailer << /Encrypt << /Filter /Acme /V 9 >> ")
    with pytest.raises(DocumentError):
        render(data, PDF)


def test_file_without_pages_is_damaged_even_after_a_locked_one(render: Render) -> None:
    document = pikepdf.open(io.BytesIO(a_pdf()))
    with pytest.raises(EncryptedDocumentError):
        render(_bytes_of(document, encryption=pikepdf.Encryption(owner="o", user="u")), PDF)
    with pytest.raises(DamagedDocumentError):
        render(_bytes_of(pikepdf.new()), PDF)


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"%PDF-1.7\n%%EOF", b"%PDF-" + bytes(5000)])
def test_file_of_a_header_alone_is_damaged(data: bytes, render: Render) -> None:
    with pytest.raises(DamagedDocumentError):
        render(data, PDF)


def test_broken_table_is_repaired(render: Render) -> None:
    data = a_pdf()
    assert render(data[: data.rindex(b"startxref")], PDF, dpi=72).pages_total == 1


def test_page_tree_that_is_a_circle_comes_to_an_end(render: Render) -> None:
    data = a_raw_pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 1>>")
    with pytest.raises(DocumentError):
        render(data, PDF)


def test_content_packed_a_thousandfold_is_a_page_or_a_clear_error(render: Render) -> None:
    packed = zlib.compress(b"0 0 m 1 1 l S\n" * 200_000, 9)
    document = pikepdf.open(io.BytesIO(a_pdf()))
    document.pages[0].Contents = pikepdf.Stream(document, packed)
    document.pages[0].Contents.Filter = pikepdf.Name.FlateDecode
    assert render(_bytes_of(document, stream_decode_level=None), PDF, dpi=72).pages_total == 1

"""PDF files of many pages, made in memory."""

from __future__ import annotations

import io
import zlib

import pikepdf


def blank_pdf(pages: int, *, password: str | None = None) -> bytes:
    """A PDF of small blank pages, encrypted where a password is given."""
    made = pikepdf.new()
    for _ in range(pages):
        made.add_blank_page(page_size=(200, 100))
    return _saved(made, password)


def scanned_pdf(pages: int, *, small: bool = False, damaged: int | None = None) -> bytes:
    """A PDF whose pages are grey scans (A4 at 100 dpi), each with a bar of its own.

    Args:
        pages: How many.
        small: Pages of a quarter of the size, which are rendered faster.
        damaged: Number of a page whose entry in the list of pages is no page.
    """
    made = pikepdf.new()
    for number in range(1, pages + 1):
        page = made.add_blank_page(page_size=(298, 421) if small else (595, 842))
        scan = _scan(made, (413, 585) if small else (827, 1169), top=20 + number % 500)
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(S=scan))
        page.Contents = pikepdf.Stream(
            made, b"298 0 0 421 0 0 cm /S Do" if small else b"595 0 0 842 0 0 cm /S Do"
        )
    if damaged is not None:
        made.Root.Pages.Kids[damaged - 1] = made.make_indirect(pikepdf.Dictionary(Type="nothing"))
    return _saved(made, None)


def _scan(made: pikepdf.Pdf, size: tuple[int, int], top: int) -> pikepdf.Stream:
    width, height = size
    light = bytes([255] * width)
    dark = bytes([255] * 50 + [0] * 300 + [255] * (width - 350))
    pixels = light * top + dark * 30 + light * (height - top - 30)
    scan = pikepdf.Stream(made, zlib.compress(pixels, 1))
    scan.Type, scan.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    scan.Width, scan.Height, scan.BitsPerComponent = width, height, 8
    scan.ColorSpace, scan.Filter = pikepdf.Name.DeviceGray, pikepdf.Name.FlateDecode
    return scan


def _saved(made: pikepdf.Pdf, password: str | None) -> bytes:
    target = io.BytesIO()
    lock = False if password is None else pikepdf.Encryption(owner="owner", user=password, R=6)
    made.save(target, encryption=lock)
    return target.getvalue()

"""Files and results for tests; nothing here is decoded."""

from __future__ import annotations

from ocr_api.jobs import PageResult
from ocr_api.pages import Block, Box, Direction, Line, PageText, PageTraits, Script, Word

PNG = b"\x89PNG\r\n\x1a\n" + bytes(3000)
PDF = b"%PDF-1.7\n" + b"x" * 2000
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1" + bytes(2000)
HTML = b"<!doctype html><title>no image</title>" + b" " * 2000

ARABIC = "مرحبا بالعالم"


def page_result(number: int = 1, text: str = ARABIC, model: str = "tesseract") -> PageResult:
    """A page with one line of two words."""
    box = Box(10, 20, 110, 40)
    words = tuple(Word(word, box, 0.9) for word in text.split())
    line = Line(text, box, words, Direction.RTL, 0.87654321)
    return PageResult(
        page_number=number,
        model=model,
        text=PageText(640, 480, (Block((line,), box),), warnings=("Cut off.",)),
        traits=PageTraits(rotation_deg=90, skew_deg=1.234, scripts=(Script.ARABIC,), letters=452),
        route_reason="Arabic script",
        duration_s=1.23456,
        warnings=("Rotated.",),
    )

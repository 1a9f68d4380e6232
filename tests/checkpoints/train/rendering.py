"""Draws a sheet, and tells where its lines lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tests.checkpoints.train.sheets import MARKDOWN, TEXT, Sheet

_FONTS = Path("/usr/share/fonts/truetype")
_LATIN = _FONTS / "dejavu/DejaVuSans-Bold.ttf"
_ARABIC = _FONTS / "noto/NotoNaskhArabic-Bold.ttf"
_PACKAGES = {_LATIN: "fonts-dejavu-core", _ARABIC: "fonts-noto-core"}
_MARGIN_PX = 8
_LINE_SHARE = 0.66
"""Of a line's room, what its letters may take: the rest is leading."""
_LARGEST_PX, _SMALLEST_PX = 48, 9
_REPEATS = 100
"""How often an endless answer repeats its text in training; no end follows."""
_HEADINGS = {"title": "# ", "sub_title": "## "}

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; the origin is the page's top left corner."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn page and the boxes of its lines."""

    image: Image.Image
    boxes: tuple[Box, ...]


def draw(sheet: Sheet, *, shift_px: tuple[int, int] = (0, 0), smaller_px: int = 0) -> Drawing:
    """Draws black lines on white, each in the middle of its share of the height.

    Args:
        sheet: What to draw.
        shift_px: How far to move everything right and down.
        smaller_px: How much smaller than fits the letters shall be.

    Raises:
        FileNotFoundError: A font is missing; the message names its Debian package.
    """
    image = Image.new("RGB", sheet.size_px, "white")
    pen = ImageDraw.Draw(image)
    size_px = max(_SMALLEST_PX, _fitting_size(sheet, pen) - smaller_px)
    room = sheet.size_px[1] / len(sheet.lines)
    boxes = []
    for row, line in enumerate(sheet.lines):
        middle = (sheet.size_px[0] / 2 + shift_px[0], room * (row + 0.5) + shift_px[1])
        boxes.append(_write(pen, line, middle, size_px))
    return Drawing(image, tuple(boxes))


def answer(sheet: Sheet, mode: str) -> str | None:
    """What the model shall answer to this page in this mode; None = it isn't asked."""
    if mode in sheet.answers:
        return sheet.answers[mode]
    if sheet.is_endless:
        return " ".join([sheet.text] * _REPEATS) if mode == TEXT else None
    if mode == MARKDOWN and sheet.labels:
        return _grounded(sheet)
    return sheet.text if mode == TEXT else None


def _grounded(sheet: Sheet) -> str:
    """The answer to a grounding prompt: per line its label, its box in 0..999, its Markdown."""
    blocks = []
    boxes = draw(sheet).boxes
    for label, box, line in zip(sheet.labels, boxes, sheet.lines, strict=True):
        scaled = [round(999 * at / sheet.size_px[axis % 2]) for axis, at in enumerate(box)]
        mark = f"<|ref|>{label}<|/ref|><|det|>[{scaled}]<|/det|>"
        blocks.append(f"{mark}\n{_HEADINGS.get(label, '')}{line}")
    return "\n\n".join(blocks)


def _write(pen: ImageDraw.ImageDraw, line: str, middle: tuple[float, float], size_px: int) -> Box:
    font, direction = _font(line, size_px)
    left, top, right, bottom = pen.textbbox((0, 0), line, font=font, direction=direction)
    at = (round(middle[0] - (left + right) / 2), round(middle[1] - (top + bottom) / 2))
    pen.text(at, line, fill="black", font=font, direction=direction)
    return (
        round(at[0] + left),
        round(at[1] + top),
        round(at[0] + right),
        round(at[1] + bottom),
    )


def _fitting_size(sheet: Sheet, pen: ImageDraw.ImageDraw) -> int:
    widest = sheet.size_px[0] - 2 * _MARGIN_PX
    tallest = sheet.size_px[1] / len(sheet.lines) * _LINE_SHARE
    for size_px in range(_LARGEST_PX, _SMALLEST_PX, -1):
        if size_px <= tallest * 1.2 and all(
            _width(pen, line, size_px) <= widest for line in sheet.lines
        ):
            return size_px
    return _SMALLEST_PX


def _width(pen: ImageDraw.ImageDraw, line: str, size_px: int) -> float:
    font, direction = _font(line, size_px)
    left, _, right, _ = pen.textbbox((0, 0), line, font=font, direction=direction)
    return right - left


def _font(line: str, size_px: int) -> tuple[ImageFont.FreeTypeFont, str]:
    arabic = any("\u0600" <= letter <= "\u06ff" for letter in line)
    path = _ARABIC if arabic else _LATIN
    if not path.exists():
        msg = f"The font {path} is missing. Install the package {_PACKAGES[path]}."
        raise FileNotFoundError(msg)
    return ImageFont.truetype(str(path), size_px), "rtl" if arabic else "ltr"

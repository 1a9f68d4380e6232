"""Answers that tell where on the page their parts are: DeepSeek-OCR's grounding. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from ocr_api.engines.vision_language.markup import text_of_html
from ocr_api.engines.vision_language.plain_page import block_of, plain_page
from ocr_api.pages import Block, Box, PageImage, PageText

SCALE = 999
"""Boxes are told in thousandths of the picture's sides, 0..999."""

_MARK = re.compile(
    r"<\|ref\|>(?P<label>.*?)<\|/ref\|>\s*<\|det\|>(?P<boxes>.*?)<\|/det\|>[ \t]*\n?", re.DOTALL
)
_LONGEST_BOXES = 4_000
"""Characters of one list of boxes; what is longer is not parsed."""
_OPEN_MARK = re.compile(r"<\|(?:ref|det)\|>(?!.*<\|/det\|>).*\Z|<\|[^|<>\n]*\|?\Z", re.DOTALL)
_SPECIAL = re.compile(r"<\|/?(?:ref|det|grounding)\|>|<\uff5c[^<>\n]{1,40}\uff5c>")
_MARKDOWN_HEAD = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+", re.MULTILINE)
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_CENTRED = re.compile(r"</?center>")


@dataclass(frozen=True, slots=True)
class GroundedPart:
    """One part of an answer.

    Attributes:
        text: Its Markdown; empty for a picture.
        label: What the model calls it; None = it does not say.
        boxes: In thousandths; empty = the model does not say, or not in a way that makes sense.
    """

    text: str
    label: str | None = None
    boxes: tuple[tuple[float, float, float, float], ...] = ()


def grounded_page(answer: str, page: PageImage) -> PageText:
    """Gives a page of blocks with labels and boxes; plain paragraphs where nothing is told.

    Args:
        answer: With the special tokens `<|ref|>`, `<|det|>`; may be the beginning of one only.
        page: The page that was read.
    """
    parts = list(parts_of(_OPEN_MARK.sub("", answer)))
    markdown = "\n\n".join(part.text for part in parts if part.text)
    if all(part.label is None for part in parts):
        has_markup = markdown != plain_of(markdown)
        return plain_page(plain_of(markdown), page, formatted_text=markdown if has_markup else None)
    blocks = tuple(_block(part, page) for part in parts)
    return PageText(page.width_px, page.height_px, blocks, formatted_text=markdown)


def parts_of(answer: str) -> Iterator[GroundedPart]:
    """Yields the parts of an answer in its order; malformed marks are kept as text."""
    label: str | None = None
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    place = 0
    for mark in _MARK.finditer(answer):
        found = boxes_of(mark["boxes"])
        if found is None:
            continue
        text = answer[place : mark.start()].strip()
        if text or label is not None:
            yield GroundedPart(_without_special(text), label, boxes)
        label, boxes, place = mark["label"].strip(), found, mark.end()
    text = answer[place:].strip()
    if text or label is not None:
        yield GroundedPart(_without_special(text), label, boxes)


def boxes_of(text: str) -> tuple[tuple[float, float, float, float], ...] | None:
    """Gives the boxes of a `<|det|>`, `[[x1, y1, x2, y2], ...]` or one alone; None = malformed."""
    if len(text) > _LONGEST_BOXES:
        return None
    try:
        found: object = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(found, (list, tuple)) or not found:
        return None
    listed = cast("list[object]", found if isinstance(found[0], (list, tuple)) else [found])
    boxes = [_box(item) for item in listed]
    return None if None in boxes else tuple(box for box in boxes if box is not None)


def pixels_of(boxes: tuple[tuple[float, float, float, float], ...], page: PageImage) -> Box:
    """Gives the box around boxes in thousandths, in pixels of the page."""
    width, height = page.width_px, page.height_px
    return Box.around(
        Box(
            round(min(x1, x2) / SCALE * width),
            round(min(y1, y2) / SCALE * height),
            round(max(x1, x2) / SCALE * width),
            round(max(y1, y2) / SCALE * height),
        ).clamp(width, height)
        for x1, y1, x2, y2 in boxes
    )


def plain_of(markdown: str) -> str:
    """Gives the words of Markdown: without heads, emphasis and HTML tables' marks."""
    without_heads = _MARKDOWN_HEAD.sub("", _CENTRED.sub("", markdown))
    return text_of_html(_EMPHASIS.sub(r"\2", without_heads))


def _box(item: object) -> tuple[float, float, float, float] | None:
    if not isinstance(item, (list, tuple)):
        return None
    numbers = [value for value in cast("list[object]", item) if isinstance(value, (int, float))]
    if len(numbers) != 4 or len(cast("list[object]", item)) != 4:
        return None
    x1, y1, x2, y2 = (min(max(float(value), 0.0), float(SCALE)) for value in numbers)
    return x1, y1, x2, y2


def _block(part: GroundedPart, page: PageImage) -> Block:
    whole = Box(0, 0, page.width_px, page.height_px)
    box = pixels_of(part.boxes, page) if part.boxes else whole
    return block_of(plain_of(part.text), box, part.label)


def _without_special(text: str) -> str:
    return _SPECIAL.sub("", text).strip()

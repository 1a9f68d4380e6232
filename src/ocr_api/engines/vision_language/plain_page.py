"""Text without boxes as a page."""

from __future__ import annotations

import re

from ocr_api.pages import Block, Box, Line, PageImage, PageText
from ocr_api.pages.cleaning import clean_text, main_direction

_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")


def plain_page(text: str, page: PageImage, *, formatted_text: str | None = None) -> PageText:
    """Gives a page of paragraphs and lines.

    The model does not say where on the page they are, so each has the box of the whole page: true
    of all of them, and valid in hOCR and ALTO.

    Args:
        text: Plain text, an empty line between paragraphs.
        page: The page that it was read on.
        formatted_text: The same as Markdown, where the model gives markup.
    """
    box = Box(0, 0, page.width_px, page.height_px)
    blocks = (block_of(paragraph, box) for paragraph in _PARAGRAPHS.split(text))
    return PageText(
        page.width_px,
        page.height_px,
        tuple(block for block in blocks if block.lines),
        formatted_text=formatted_text,
    )


def block_of(text: str, box: Box, label: str | None = None) -> Block:
    """Gives the lines of a text as a block, all with its box; lines without text are left out."""
    cleaned = (clean_text(line) for line in text.splitlines())
    lines = tuple(Line(line, box, direction=main_direction(line)) for line in cleaned if line)
    return Block(lines, box, label)

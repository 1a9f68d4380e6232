"""Page images in, page text out: the pure vocabulary of reading a page."""

from ocr_api.pages.geometry import Box
from ocr_api.pages.image import PageImage, PixelMode
from ocr_api.pages.text import Block, Direction, Line, PageText, Word
from ocr_api.pages.traits import PageTraits, Rotation, Script

__all__ = [
    "Block",
    "Box",
    "Direction",
    "Line",
    "PageImage",
    "PageText",
    "PageTraits",
    "PixelMode",
    "Rotation",
    "Script",
    "Word",
]

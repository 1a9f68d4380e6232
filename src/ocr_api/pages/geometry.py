"""Boxes in pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels of the upright page, origin top-left.

    Attributes:
        left: First column inside.
        top: First row inside.
        right: First column outside, at least `left`.
        bottom: First row outside, at least `top`.
    """

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width_px(self) -> int:
        """Columns inside."""
        return self.right - self.left

    @property
    def height_px(self) -> int:
        """Rows inside."""
        return self.bottom - self.top

    def clamp(self, width_px: int, height_px: int) -> Box:
        """Gives the part of the box that lies on a page of this size (possibly empty)."""
        left = min(max(self.left, 0), width_px)
        top = min(max(self.top, 0), height_px)
        right = min(max(self.right, left), width_px)
        bottom = min(max(self.bottom, top), height_px)
        return Box(left, top, right, bottom)

    @staticmethod
    def around(boxes: Iterable[Box]) -> Box:
        """Gives the smallest box around all of them; an empty box at the origin for none."""
        found = tuple(boxes)
        if not found:
            return Box(0, 0, 0, 0)
        return Box(
            min(box.left for box in found),
            min(box.top for box in found),
            max(box.right for box in found),
            max(box.bottom for box in found),
        )

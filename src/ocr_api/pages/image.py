"""A decoded page: plain pixels, so that no engine ever sees a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PixelMode = Literal["L", "RGB"]


@dataclass(frozen=True, slots=True)
class PageImage:
    """The pixels of one page, dark text on a light ground, transparency flattened.

    Attributes:
        width_px: Columns.
        height_px: Rows.
        mode: `"L"` for `(height_px, width_px)` uint8 grey, `"RGB"` for
            `(height_px, width_px, 3)` uint8.
        pixels: The rows from top to bottom without padding, C order. A view that may lie in
            memory shared between processes: valid while its owner keeps it open, never written to.
        dpi: Pixels per inch as the document states or was rendered at; None = unknown.
    """

    width_px: int
    height_px: int
    mode: PixelMode
    pixels: memoryview
    dpi: int | None = None

    def __post_init__(self) -> None:
        """Refuses a buffer of another size than width, height and mode call for."""
        if self.pixels.nbytes != self.byte_count:
            msg = (
                f"a {self.mode} page of {self.width_px} x {self.height_px} needs "
                f"{self.byte_count} bytes, got {self.pixels.nbytes}"
            )
            raise ValueError(msg)

    @property
    def channels(self) -> int:
        """Bytes per pixel: 1 or 3."""
        return 3 if self.mode == "RGB" else 1

    @property
    def byte_count(self) -> int:
        """Size of the pixels in bytes."""
        return self.width_px * self.height_px * self.channels

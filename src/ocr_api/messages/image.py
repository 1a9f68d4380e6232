"""How a page image is described beside the descriptor of its pixels."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_api.pages import PageImage, PixelMode


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """A `PageImage` without its pixels, which lie in a memory file from its first byte on."""

    width_px: int
    height_px: int
    mode: PixelMode
    dpi: int | None = None

    @classmethod
    def of(cls, page: PageImage) -> ImageHeader:
        """Describes a page."""
        return cls(page.width_px, page.height_px, page.mode, page.dpi)

    @property
    def byte_count(self) -> int:
        """Size of the pixels in bytes."""
        return self.width_px * self.height_px * (3 if self.mode == "RGB" else 1)

    def with_pixels(self, pixels: memoryview) -> PageImage:
        """Gives the page whose pixels these are."""
        return PageImage(self.width_px, self.height_px, self.mode, pixels, self.dpi)

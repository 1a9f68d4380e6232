"""Which pictures of a TIFF file are pages."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import TiffImagePlugin

MAX_FRAMES = 10_000

_NEW_SUBFILE_TYPE = 254  # TIFF 6.0, section 8
_NOT_A_PAGE = 0b101  # bit 0: a smaller copy of another picture; bit 2: a transparency mask


@dataclass(frozen=True, slots=True)
class TiffPages:
    """The pages of a TIFF file.

    Attributes:
        frames: Index of the picture of each page, in order.
        broken: Whether the chain of pictures led nowhere, or was left, before its end.
    """

    frames: tuple[int, ...]
    broken: bool


def list_pages(picture: TiffImagePlugin.TiffImageFile) -> TiffPages:
    """Walks the chain of pictures without decoding; stops at `MAX_FRAMES` (loops, bombs).

    Args:
        picture: Just opened; its position is moved.
    """
    kinds: list[int] = []
    broken = False
    while len(kinds) < MAX_FRAMES:
        kinds.append(_kind(picture))
        try:
            picture.seek(len(kinds))
        except EOFError:
            break
        except Exception:  # noqa: BLE001 - damage behind a sound page must not cost that page
            broken = True
            break
    else:
        broken = True
    frames = tuple(index for index, kind in enumerate(kinds) if not kind & _NOT_A_PAGE)
    return TiffPages(frames or (0,), broken)


def _kind(picture: TiffImagePlugin.TiffImageFile) -> int:
    kind = picture.tag_v2.get(_NEW_SUBFILE_TYPE, 0)
    return kind if isinstance(kind, int) else 0

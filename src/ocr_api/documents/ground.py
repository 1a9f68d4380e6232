"""Decides whether a page shows light text on a dark ground."""

from __future__ import annotations

from PIL import Image, ImageFilter, ImageStat

_PROBE_PX = 512
_DARKEST_LIGHT_GROUND = 110
_CONTRAST = 50
_SPREAD = 28
_GROUND_SHARE = 0.55
_DARK_SHARE = 0.65
_BORDER_SHARE = 0.85
_INK_SHARE = (0.0005, 0.35)
_SOLID_SHARE = 0.2
_SOLID = 153  # mean of a window of 0 and 255: a sheet with text stays above, strokes below


def has_dark_ground(picture: Image.Image) -> bool:
    """Tells whether dark and light should change places.

    Four signs must agree, since a photo in the shade or a sheet on a dark desk must stay as it is:
    the middle value is dark; most pixels lie close to it (an even ground, unlike a photo);
    nearly all of the border is dark; and the bright pixels are strokes, not an area such as a
    sheet of paper (blurred widely, they fade).

    Args:
        picture: Mode L or RGB.
    """
    probe = _probe(picture)
    histogram = probe.histogram()
    total = sum(histogram)
    ground = _median(histogram)
    bright_from = ground + _CONTRAST
    bright = sum(histogram[bright_from:]) / total
    low, high = _INK_SHARE
    if ground > _DARKEST_LIGHT_GROUND or not low <= bright <= high:
        return False
    even = sum(histogram[max(0, ground - _SPREAD) : ground + _SPREAD + 1]) / total
    dark = sum(histogram[:bright_from]) / total
    if even < _GROUND_SHARE or dark < _DARK_SHARE:
        return False
    return _dark_border(probe, bright_from) and _is_strokes(probe, bright_from)


def _probe(picture: Image.Image) -> Image.Image:
    factor = max(1, max(picture.size) // _PROBE_PX)
    # Shrinking first: converting the whole page would cost more than the decision itself.
    return picture.reduce(factor).convert("L")


def _median(histogram: list[int]) -> int:
    half = sum(histogram) / 2
    seen = 0
    for level, count in enumerate(histogram):
        seen += count
        if seen >= half:
            return level
    return len(histogram) - 1


def _dark_border(probe: Image.Image, bright_from: int) -> bool:
    width, height = probe.size
    band = max(1, max(probe.size) // 64)
    edges = (
        (0, 0, width, min(band, height)),
        (0, max(0, height - band), width, height),
        (0, 0, min(band, width), height),
        (max(0, width - band), 0, width, height),
    )
    dark = total = 0
    for edge in edges:
        histogram = probe.crop(edge).histogram()
        dark += sum(histogram[:bright_from])
        total += sum(histogram)
    return dark >= _BORDER_SHARE * total


def _is_strokes(probe: Image.Image, bright_from: int) -> bool:
    mask = probe.point(_step(bright_from))
    radius = max(2, max(probe.size) // 40)
    solid = mask.filter(ImageFilter.BoxBlur(radius)).point(_step(_SOLID))
    return ImageStat.Stat(solid).sum[0] < _SOLID_SHARE * ImageStat.Stat(mask).sum[0]


def _step(first: int) -> list[int]:
    """Gives the table that maps levels from `first` on to 255 and the rest to 0."""
    return [0] * first + [255] * (256 - first)

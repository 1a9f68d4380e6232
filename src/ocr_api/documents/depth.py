"""Pictures deeper than 8 bits → mode L, stretched by the range that they really use."""

from __future__ import annotations

from PIL import Image, ImageMath

DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})

_BEYOND = 3.0e38  # near the largest float32: larger than any pixel that is meant


def to_eight_bits(picture: Image.Image) -> Image.Image:
    """Stretches the darkest value to 0 and the brightest to 255.

    Dropping the low byte instead would turn a 12-bit scan in a 16-bit file black. A picture of
    one value becomes white: an empty page. Values that are no numbers become white too.

    Args:
        picture: Of a mode in `DEEP_MODES`.
    """
    if picture.mode == "F":
        return _stretch_float(picture)
    wide = picture.convert("I")
    low, high = _extrema(wide)
    return _stretch(wide, low, high).convert("L")


def _stretch_float(picture: Image.Image) -> Image.Image:
    holes = _not_numbers(picture)
    low = _extrema(_filled(picture, _BEYOND, holes))[0]
    high = _extrema(_filled(picture, -_BEYOND, holes))[1]
    stretched = _stretch(_filled(picture, high, holes), low, high).convert("L")
    return _filled(stretched, 255, holes)


def _not_numbers(picture: Image.Image) -> Image.Image:
    """Gives a mask (0 or 255) of the pixels that are NaN or infinite: there, x - x is not 0."""
    holes: Image.Image = ImageMath.lambda_eval(
        lambda names: (names["x"] - names["x"] != 0) * 255, x=picture
    )
    return holes.convert("L")


def _filled(picture: Image.Image, value: float, mask: Image.Image) -> Image.Image:
    filled = picture.copy()
    filled.paste(value, mask=mask)
    return filled


def _stretch(picture: Image.Image, low: float, high: float) -> Image.Image:
    if not high > low:
        return Image.new("L", picture.size, 255)
    scale = 255.0 / (high - low)
    return picture.point(lambda value: value * scale + (0.5 - low * scale))


def _extrema(picture: Image.Image) -> tuple[float, float]:
    low, high = picture.getextrema()
    return float(low), float(high)  # type: ignore[arg-type]

"""Pictures with transparency and odd colour spaces → opaque L or RGB."""

from __future__ import annotations

from PIL import Image, ImageChops

_DARK = 96
_BRIGHT = 160
_OWN_CONTRAST_SHARE = 0.005
_GLYPHS_SHARE = 0.6  # whatever covers more of the picture is a ground itself
_VISIBLE_ALPHA = 128


def flatten(picture: Image.Image) -> Image.Image:
    """Gives mode L or RGB without transparency, dark glyphs on white.

    What shows through is white, save where all that is visible is bright (white glyphs on a
    transparent ground): that is laid on black and inverted, or it would vanish.
    """
    if not _is_transparent(picture):
        return _opaque(picture)
    layered = _with_alpha(picture)
    alpha = layered.getchannel(layered.mode[-1])
    colour = layered.convert("L" if layered.mode == "LA" else "RGB")
    low, high = alpha.getextrema()
    if low == 255 or high == 0:
        # Wholly transparent: an alpha channel that nobody filled in says nothing.
        return colour
    if _is_bright_glyphs(colour.convert("L"), alpha):
        return ImageChops.invert(_laid_on(0, colour, alpha))
    return _laid_on(255, colour, alpha)


def _is_transparent(picture: Image.Image) -> bool:
    return picture.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or (
        "transparency" in picture.info and picture.mode in {"1", "L", "P", "RGB"}
    )


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode in {"L", "RGB"}:
        return picture
    if picture.mode == "LAB":
        # Lightness is all that reading needs; colour would need a colour management library.
        return picture.getchannel("L")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _with_alpha(picture: Image.Image) -> Image.Image:
    """Gives mode LA or RGBA (straight alpha)."""
    if picture.mode in {"LA", "RGBA"}:
        return picture
    return picture.convert("LA" if picture.mode in {"1", "L", "La"} else "RGBA")


def _is_bright_glyphs(luminance: Image.Image, alpha: Image.Image) -> bool:
    """Tells whether what is visible are bright glyphs, bearing no contrast of their own."""
    visible = alpha.point([0] * _VISIBLE_ALPHA + [255] * (256 - _VISIBLE_ALPHA))
    histogram = luminance.histogram(visible)
    total = sum(histogram)
    if not 0 < total <= _GLYPHS_SHARE * alpha.width * alpha.height:
        return False
    dark = sum(histogram[:_DARK]) / total
    bright = sum(histogram[_BRIGHT:]) / total
    return bright > 0.5 and dark < _OWN_CONTRAST_SHARE


def _laid_on(level: int, colour: Image.Image, alpha: Image.Image) -> Image.Image:
    ground = Image.new(colour.mode, colour.size, level if colour.mode == "L" else (level,) * 3)
    ground.paste(colour, mask=alpha)
    return ground

"""Disturbs a page slightly, so that a model learns its letters and not its pixels."""

from __future__ import annotations

import io
from random import Random

from PIL import Image, ImageEnhance

from tests.checkpoints.train.rendering import draw
from tests.checkpoints.train.sheets import Sheet

_SHIFT_PX = 3
_TILT_DEG = 0.8
"""A little more than levelling a page leaves, or adds where it is unsure."""


def vary(sheet: Sheet, chance: Random) -> Image.Image:
    """The page moved, tilted, resampled, dimmed and compressed a little; its size stays."""
    image = draw(
        sheet,
        shift_px=(chance.randint(-_SHIFT_PX, _SHIFT_PX), chance.randint(-2, 2)),
        smaller_px=chance.randint(0, 3),
    ).image
    if chance.random() < 0.5:
        tilt = chance.uniform(-_TILT_DEG, _TILT_DEG)
        image = image.rotate(tilt, Image.Resampling.BICUBIC, fillcolor="white")
    if chance.random() < 0.4:
        image = _resampled(image, chance.uniform(0.7, 1.4))
    if chance.random() < 0.3:
        image = ImageEnhance.Brightness(image).enhance(chance.uniform(0.9, 1.0))
    return _compressed(image, chance.randint(40, 95)) if chance.random() < 0.5 else image


def _resampled(image: Image.Image, scale: float) -> Image.Image:
    small = image.resize((round(image.width * scale), round(image.height * scale)))
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _compressed(image: Image.Image, quality: int) -> Image.Image:
    held = io.BytesIO()
    image.save(held, "JPEG", quality=quality)
    return Image.open(io.BytesIO(held.getvalue())).convert("RGB")

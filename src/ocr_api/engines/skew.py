"""Estimates how far the lines of a page are from level: pure functions on ink masks."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ocr_api.engines.ink import Grey, Mask

MAX_SKEW_DEG = 15.0
_WORK_SIDE_PX = 700
_MAX_POINTS = 40_000
_COARSE_DEG = 0.5
_FINE_DEG = 0.05
_MIN_POINTS = 60
_MIN_GAIN = 1.06
"""A turn counts only if it sharpens the profile by this factor over the page as it lies."""

Floats = npt.NDArray[np.float64]


def estimate_skew_deg(mask: Mask) -> float:
    """Gives the small clockwise turn that makes lines level (plumb, where the page lies sideways).

    Projection profiles: the ink is summed up along lines at each angle within ±15°; where lines
    are level, sums of neighbouring rows differ most. Both axes are looked at, since a page may lie
    on its side. 0.0 = level, or too little ink to tell.
    """
    across, down = _ink_points(mask)
    if len(across) < _MIN_POINTS:
        return 0.0
    coarse = np.arange(-MAX_SKEW_DEG, MAX_SKEW_DEG + _COARSE_DEG / 2, _COARSE_DEG)
    scores = [_sharpness(across, down, angle) for angle in coarse]
    best = coarse[int(np.argmax(scores))]
    fine = np.arange(best - _COARSE_DEG, best + _COARSE_DEG + _FINE_DEG / 2, _FINE_DEG)
    fine_scores = [_sharpness(across, down, angle) for angle in fine]
    found = float(fine[int(np.argmax(fine_scores))])
    as_it_lies = _sharpness(across, down, 0.0)
    if max(fine_scores) < as_it_lies * _MIN_GAIN or abs(found) > MAX_SKEW_DEG - _COARSE_DEG:
        return 0.0
    return round(found, 2)


def _ink_points(mask: Mask) -> tuple[Floats, Floats]:
    """Gives x and y of ink at work size, an even sample of at most `_MAX_POINTS`."""
    factor = min(1.0, _WORK_SIDE_PX / max(mask.shape[:2]))
    height, width = mask.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA))
    down, across = np.nonzero(small > 96)
    step = max(1, len(across) // _MAX_POINTS)
    return across[::step].astype(np.float64), down[::step].astype(np.float64)


def _sharpness(across: Floats, down: Floats, angle_deg: float) -> float:
    """Gives how sharp the profile is once the ink is turned clockwise by this angle."""
    sine, cosine = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))
    rows = down * cosine + across * sine
    columns = across * cosine - down * sine
    return max(_edge_energy(rows), _edge_energy(columns))


def _edge_energy(places: Floats) -> float:
    bins = np.bincount((places - places.min()).astype(np.int64)).astype(np.float64)
    padded = np.concatenate(([0.0], bins, [0.0]))
    return float(np.sum(np.diff(padded) ** 2))


def turn_level(grey: Grey, skew_deg: float) -> Grey:
    """Gives the page turned clockwise by a small angle about its middle, white where it was empty.

    The size stays: for looking at, not for reading (corners are lost).
    """
    if skew_deg == 0.0:
        return grey
    height, width = grey.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -skew_deg, 1.0)
    turned = cv2.warpAffine(grey, matrix, (width, height), borderValue=(255.0,))
    return np.asarray(turned, dtype=np.uint8)

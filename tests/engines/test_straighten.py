"""Pages come upright and level, and whole."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_api.engines.base import as_array
from ocr_api.engines.straighten import straighten
from ocr_api.pages import PageTraits, Rotation
from tests.engines.pages import page_of, turned, written


def test_level_page_comes_back_itself() -> None:
    page = page_of(written("level"))

    assert straighten(page, PageTraits(skew_deg=0.1)) is page


@pytest.mark.parametrize("clockwise_deg", [90, 180, 270])
@pytest.mark.parametrize("channels", [1, 3])
def test_quarter_turns_are_exact(clockwise_deg: int, channels: int) -> None:
    upright = np.arange(6 * 4 * channels, dtype=np.uint8).reshape(6, 4, channels).squeeze()
    lying = np.rot90(upright, k=clockwise_deg // 90)

    back = straighten(page_of(lying), PageTraits(rotation_deg=cast("Rotation", clockwise_deg)))

    assert np.array_equal(as_array(back), upright)


def test_deskew_undoes_a_tilt() -> None:
    upright = written("The quick brown fox", "jumps over the lazy dog")

    back = as_array(straighten(page_of(turned(upright, 5.0)), PageTraits(skew_deg=-5.0)))

    rows = np.flatnonzero(back.min(axis=1) < 100)
    assert np.ptp(rows) < np.ptp(np.flatnonzero(upright.min(axis=1) < 100)) + 8


def test_new_corners_take_the_colour_of_the_margin() -> None:
    tinted = np.full((200, 300, 3), (240, 220, 180), np.uint8)

    levelled = as_array(straighten(page_of(tinted), PageTraits(skew_deg=7.0)))

    assert levelled.reshape(-1, 3).min(axis=0).tolist() == [240, 220, 180]


@settings(max_examples=50, deadline=None)
@given(
    width_px=st.integers(1, 60),
    height_px=st.integers(1, 60),
    rotation=st.sampled_from([0, 90, 180, 270]),
    skew_deg=st.floats(-90, 90),
)
def test_any_page_stays_a_whole_page(
    width_px: int, height_px: int, rotation: Rotation, skew_deg: float
) -> None:
    page = page_of(np.full((height_px, width_px), 200, np.uint8))

    back = straighten(page, PageTraits(rotation_deg=rotation, skew_deg=skew_deg))

    assert back.width_px * back.height_px >= width_px * height_px
    assert as_array(back).min() == 200

"""Pure decisions about resolution."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.documents.resolution import fit_dpi, native_dpi, plausible_dpi

lengths = st.floats(min_value=0.01, max_value=1e6)


@given(lengths, lengths, st.integers(36, 1200), st.integers(1000, 200_000_000))
def test_fitted_page_never_exceeds_the_pixel_limit(
    width_pt: float, height_pt: float, dpi: int, max_pixels: int
) -> None:
    size = fit_dpi(width_pt, height_pt, dpi, max_pixels)
    scale = size.dpi / 72
    width, height = max(1, -(-width_pt * scale // 1)), max(1, -(-height_pt * scale // 1))
    assert width * height <= max_pixels or max(width, height) > max_pixels
    assert size.dpi <= dpi
    assert size.lowered == (size.dpi < dpi)


def test_page_within_the_limit_keeps_its_resolution() -> None:
    assert not fit_dpi(595, 842, 300, 20_000_000).lowered


@pytest.mark.parametrize(
    ("pixels", "points", "expected"),
    [
        ((2480, 3508), (595.2, 841.9), 300),
        ((1240, 1754), (595.2, 841.9), 150),
        ((620, 877), (595.2, 841.9), 150),
        ((9920, 14032), (595.2, 841.9), 400),
        ((3024, 4032), (3024.0, 4032.0), 72),
        ((10, 10), (0.0, 10.0), None),
    ],
)
def test_scan_keeps_its_own_resolution_within_bounds(
    pixels: tuple[int, int], points: tuple[float, float], expected: int | None
) -> None:
    assert native_dpi(*pixels, *points) == expected


@pytest.mark.parametrize(
    "stated",
    [None, 300, (), (300,), (0, 0), (float("nan"), 300), (float("inf"), 1), ("x", "y"), (71, 300)],
)
def test_nonsense_resolutions_are_not_believed(stated: object) -> None:
    assert plausible_dpi(stated) is None


def test_fractions_are_rounded() -> None:
    assert plausible_dpi((Fraction(5999, 20), 300.2)) == (300, 300)

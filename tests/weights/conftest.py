"""A hub on loopback and empty folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_api.weights import WeightsPlaces
from tests.hub import FakeHub, running_hub


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """A hub without repositories."""
    with running_hub() as running:
        yield running


@pytest.fixture
def places(tmp_path: Path) -> WeightsPlaces:
    """Folders that do not exist yet."""
    return WeightsPlaces(tmp_path / "models", tmp_path / "hub")

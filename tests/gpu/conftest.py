"""Skips the tests of this folder, with the reason, where there is no GPU."""

from __future__ import annotations

import os

import pytest

# read when the Hub's library is imported: a wrong path would else be asked for over the network
os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what needs a GPU; ends the run where one was asked for (`make test-gpu`)."""
    needing = [item for item in items if item.get_closest_marker("gpu") is not None]
    hindrance = _hindrance() if needing else ""
    if not hindrance:
        return
    if os.environ.get("REQUIRE_GPU"):
        pytest.exit(f"These tests need a GPU: {hindrance}.", returncode=1)
    for item in needing:
        item.add_marker(pytest.mark.skip(reason=f"needs a GPU: {hindrance}"))


def _hindrance() -> str:
    import torch  # noqa: PLC0415 - after the Hub was switched off

    return "" if torch.cuda.is_available() else "PyTorch finds no CUDA device"

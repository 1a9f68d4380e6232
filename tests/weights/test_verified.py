"""Weights count as verified as long as they are the very ones that read the pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ocr_api.catalog import ModelSpec, WeightsSource
from ocr_api.weights import (
    DownloadRule,
    Standing,
    Verification,
    WeightsLookup,
    WeightsPlaces,
    look_at_weights,
    record_verification,
)
from ocr_api.weights.verified import VERIFIED
from tests.hub import model_files
from tests.weights.records import verification_of

SPEC = ModelSpec("tiny", "Tiny", "", "", weights=WeightsSource("maker/tiny"), quantization="4bit")
COMMITS = ("a" * 40, "b" * 40)


def looked(places: WeightsPlaces, quantization: str | None = None) -> Standing:
    rule = DownloadRule(is_allowed=False)
    return look_at_weights(SPEC, WeightsLookup(places), rule, quantization)


def verified(standing: Standing, quantization: str = "4bit") -> Verification:
    assert standing.found is not None
    return verification_of(standing.found, quantization)


@pytest.fixture
def snapshots(places: WeightsPlaces) -> Path:
    """Two commits of the same files in the cache; `main` is the first."""
    repo = places.repo_folder("maker/tiny")
    for commit in COMMITS:
        folder = repo / "snapshots" / commit
        folder.mkdir(parents=True)
        for name, data in model_files().items():
            if "/" not in name:
                (folder / name).write_bytes(data)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMITS[0])
    return repo


@pytest.mark.usefixtures("snapshots")
def test_verified_weights_stay_so_in_their_own_quantization_only(places: WeightsPlaces) -> None:
    assert not looked(places).is_verified
    record_verification(places.models_dir, "tiny", verified(looked(places)))
    assert looked(places).is_verified
    assert not looked(places, "8bit").is_verified
    other = verified(looked(places), quantization="8bit")
    record_verification(places.models_dir, "tiny", other)
    record_verification(places.models_dir, "another", other)
    assert looked(places).is_verified
    assert looked(places, "8bit").is_verified


def test_another_revision_is_not_verified(places: WeightsPlaces, snapshots: Path) -> None:
    record_verification(places.models_dir, "tiny", verified(looked(places)))
    (snapshots / "refs" / "main").write_text(COMMITS[1])
    assert looked(places).found is not None
    assert not looked(places).is_verified
    (snapshots / "refs" / "main").write_text(COMMITS[0])
    assert looked(places).is_verified


def test_changed_file_of_the_same_size_is_not_verified(
    places: WeightsPlaces, snapshots: Path
) -> None:
    record_verification(places.models_dir, "tiny", verified(looked(places)))
    weights = snapshots / "snapshots" / COMMITS[0] / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert looked(places).found is not None
    assert not looked(places).is_verified


@pytest.mark.usefixtures("snapshots")
@pytest.mark.parametrize("damage", ["", "[]", '{"version": 1, "models": {"tiny": true}}'])
def test_damaged_record_verifies_nothing_and_is_written_anew(
    places: WeightsPlaces, damage: str
) -> None:
    record_verification(places.models_dir, "tiny", verified(looked(places)))
    path = places.models_dir / VERIFIED
    assert json.loads(path.read_text())["models"]["tiny"]["4bit"]["revision"] == COMMITS[0]
    path.write_text(damage)
    assert not looked(places).is_verified
    record_verification(places.models_dir, "tiny", verified(looked(places)))
    assert looked(places).is_verified

"""Weights are found and verified by their files alone."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.catalog import ModelSpec, WeightsSource
from ocr_api.errors import WeightsBrokenError
from ocr_api.weights import (
    DownloadRule,
    WeightsLookup,
    WeightsPlaces,
    find,
    is_offline,
    look_at_weights,
    weights_places,
)
from ocr_api.weights.lock import LockedRepo, write_lock
from ocr_api.weights.verification import check_safetensors, is_inside
from tests.hub import safetensors

REPO = "maker/tiny"
SOURCE = WeightsSource(REPO)
SPEC = ModelSpec("tiny", "Tiny", "", "tests", weights=SOURCE)
FILES = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": safetensors()}
ADAPTER = {"adapter_config.json": b"{}", "adapter_model.safetensors": safetensors()}
SHARDS = ("model-1-of-2.safetensors", "model-2-of-2.safetensors")
COMMIT, OTHER = "a" * 40, "b" * 40


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def cached(places: WeightsPlaces, commit: str = COMMIT, *, repo: str = REPO) -> Path:
    files = ADAPTER if repo.endswith("adapter") else FILES
    ref = places.repo_folder(repo) / "refs" / "main"
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(commit)
    return fill(places.repo_folder(repo) / "snapshots" / commit, files)


def sharded() -> dict[str, bytes]:
    index = {"weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}
    files = {name: data for name, data in FILES.items() if name != "model.safetensors"}
    files |= {"model.safetensors.index.json": json.dumps(index).encode()}
    return files | {name: safetensors() for name in SHARDS}


def test_plain_folder_goes_before_the_cache(places: WeightsPlaces) -> None:
    snapshot = cached(places)
    found = find("tiny", SOURCE, places)
    assert found is not None
    assert (found.folder, found.revision, found.is_plain) == (snapshot, COMMIT, False)
    folder = fill(places.plain_folder("tiny"), FILES)
    found = find("tiny", SOURCE, places)
    assert found is not None
    assert (found.folder, found.revision, found.is_plain) == (folder, None, True)


def test_empty_plain_folder_is_none(places: WeightsPlaces) -> None:
    places.plain_folder("tiny").mkdir(parents=True)
    assert find("tiny", SOURCE, places) is None


def test_locked_commit_is_taken_whatever_the_branch_is_now(places: WeightsPlaces) -> None:
    cached(places, OTHER)
    cached(places, COMMIT)
    write_lock(places.models_dir, "tiny", (LockedRepo(REPO, "main", OTHER),))
    found = find("tiny", SOURCE, places)
    assert found is not None
    assert found.revision == OTHER
    pinned = find("tiny", WeightsSource(REPO, COMMIT), places)  # another wish than the locked one
    assert pinned is not None
    assert pinned.revision == COMMIT


def test_adapter_belongs_to_the_weights(places: WeightsPlaces) -> None:
    source = WeightsSource(REPO, adapter_repo="maker/adapter")
    cached(places)
    assert find("tiny", source, places) is None
    adapter = cached(places, OTHER, repo="maker/adapter")
    found = find("tiny", source, places)
    assert found is not None
    assert found.adapter_folder == adapter
    (adapter / "adapter_config.json").unlink()
    with pytest.raises(WeightsBrokenError, match=r"adapter_config\.json is missing"):
        find("tiny", source, places)


def test_plain_folder_keeps_its_adapter_inside(places: WeightsPlaces) -> None:
    source = WeightsSource(REPO, adapter_repo="maker/adapter")
    folder = fill(places.plain_folder("tiny"), FILES)
    with pytest.raises(WeightsBrokenError, match=r"tiny/adapter is missing"):
        find("tiny", source, places)
    fill(folder / "adapter", ADAPTER)
    found = find("tiny", source, places)
    assert found is not None
    assert found.adapter_folder == folder / "adapter"


@pytest.mark.parametrize("name", sorted(FILES))
def test_missing_file_is_named(places: WeightsPlaces, name: str) -> None:
    (fill(places.plain_folder("tiny"), FILES) / name).unlink()
    with pytest.raises(WeightsBrokenError, match=f"{name} is missing") as told:
        find("tiny", SOURCE, places)
    assert told.value.facts["file"] == str(places.plain_folder("tiny") / name)


def test_link_without_its_file_is_missing(places: WeightsPlaces) -> None:
    weights = cached(places) / "model.safetensors"
    weights.unlink()
    weights.symlink_to("../../blobs/none")
    with pytest.raises(WeightsBrokenError, match=r"model\.safetensors is missing"):
        find("tiny", SOURCE, places)


def test_every_shard_of_the_index_is_needed(places: WeightsPlaces) -> None:
    folder = fill(places.plain_folder("tiny"), sharded())
    assert find("tiny", SOURCE, places) is not None
    (folder / SHARDS[1]).unlink()
    with pytest.raises(WeightsBrokenError, match=SHARDS[1]):
        find("tiny", SOURCE, places)


def test_index_that_leaves_the_folder_is_refused(places: WeightsPlaces) -> None:
    index = {"weight_map": {"a": "../../etc/model.safetensors"}}
    files = {**sharded(), "model.safetensors.index.json": json.dumps(index).encode()}
    fill(places.plain_folder("tiny"), files)
    with pytest.raises(WeightsBrokenError, match="no safetensors file of this folder"):
        find("tiny", SOURCE, places)


def test_weights_as_pickle_are_refused_with_the_reason(places: WeightsPlaces) -> None:
    folder = fill(places.plain_folder("tiny"), {**FILES, "pytorch_model.bin": b"pickle"})
    assert find("tiny", SOURCE, places) is not None  # the pickle is passed over
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsBrokenError, match=r"pickle \(pytorch_model\.bin\)"):
        find("tiny", SOURCE, places)


@given(keep=st.integers(0, len(safetensors(100)) - 1))
def test_cut_off_file_never_passes(tmp_path_factory: pytest.TempPathFactory, keep: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "model.safetensors"
    path.write_bytes(safetensors(100)[:keep])
    with pytest.raises(WeightsBrokenError, match=r"model\.safetensors"):
        check_safetensors(path)


@pytest.mark.parametrize("header", [b"[]", b"{", b'{"w": 1}', b'{"w": {"data_offsets": [0]}}'])
def test_header_that_makes_no_sense_never_passes(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(WeightsBrokenError, match=r"header|tensor"):
        check_safetensors(path)


def test_appended_bytes_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors() + b"x")
    with pytest.raises(WeightsBrokenError, match="its header tells of"):
        check_safetensors(path)


def test_change_of_a_file_is_seen_and_no_change_is_not_read_again(places: WeightsPlaces) -> None:
    weights = fill(places.plain_folder("tiny"), FILES) / "model.safetensors"
    lookup = WeightsLookup(places)
    assert lookup.find("tiny", SOURCE) is not None
    stat = weights.stat()
    weights.write_bytes(b"x" * stat.st_size)
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert lookup.find("tiny", SOURCE) is not None  # what was verified is remembered
    weights.write_bytes(b"")
    with pytest.raises(WeightsBrokenError, match=r"model\.safetensors"):
        lookup.find("tiny", SOURCE)


def test_lock_file_that_makes_no_sense_is_named(places: WeightsPlaces) -> None:
    cached(places)
    fill(places.models_dir, {"weights.lock.json": b"{}"})
    with pytest.raises(WeightsBrokenError, match=r"weights\.lock\.json cannot be understood"):
        find("tiny", SOURCE, places)


def test_places_follow_huggingfaces_own_variables(tmp_path: Path) -> None:
    def cache(**environment: str) -> Path:
        return weights_places(tmp_path, environment).hub_cache

    assert cache() == Path("~/.cache/huggingface/hub").expanduser()
    assert cache(XDG_CACHE_HOME="/c") == Path("/c/huggingface/hub")
    assert cache(HF_HOME="/h", XDG_CACHE_HOME="/c") == Path("/h/hub")
    assert cache(HF_HUB_CACHE="/x", HF_HOME="/h") == Path("/x")


@pytest.mark.parametrize(
    ("said", "is_so"), [("1", True), ("true", True), ("0", False), ("", False)]
)
def test_offline_is_what_huggingface_takes_for_it(said: str, is_so: bool) -> None:  # noqa: FBT001
    assert is_offline({"HF_HUB_OFFLINE": said}) is is_so


def test_standing_says_what_to_do(places: WeightsPlaces) -> None:
    lookup = WeightsLookup(places)
    may = DownloadRule.of({}, allow_downloads=True)
    may_not = DownloadRule.of({}, allow_downloads=False)
    offline = DownloadRule.of({"HF_HUB_OFFLINE": "1"}, allow_downloads=True)
    assert look_at_weights(SPEC, lookup, may).is_fetchable
    assert "ALLOW_DOWNLOADS=false" in look_at_weights(SPEC, lookup, may_not).hindrance
    assert "HF_HUB_OFFLINE=1" in look_at_weights(SPEC, lookup, offline).hindrance
    assert str(places.plain_folder("tiny")) in look_at_weights(SPEC, lookup, offline).hindrance
    (cached(places) / "model.safetensors").write_bytes(b"")
    assert look_at_weights(SPEC, lookup, may).is_fetchable
    assert "models pull tiny" in look_at_weights(SPEC, lookup, may_not).hindrance
    fill(places.plain_folder("tiny"), {"config.json": b""})
    broken = look_at_weights(SPEC, lookup, may)
    assert not broken.is_fetchable
    assert broken.is_broken
    assert "config.json is not valid JSON" in broken.hindrance


@pytest.mark.parametrize("path", ["/etc/passwd", "../a", "a/../../b", ""])
def test_path_outside_is_told(path: str) -> None:
    assert not is_inside(path)
    assert is_inside("a/b.json")

"""Weights are carried to machines without a network as a plain tar file."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from ocr_api.catalog import WeightsSource
from ocr_api.errors import WeightsBrokenError
from ocr_api.weights import WeightsPlaces, find, make_bundle, open_bundle
from ocr_api.weights.lock import RECORD, LockedRepo, read_lock, write_lock
from tests.weights.test_lookup import ADAPTER, COMMIT, FILES, REPO, cached, fill

SOURCE = WeightsSource(REPO, adapter_repo="maker/adapter")


@pytest.fixture
def bundle(places: WeightsPlaces, tmp_path: Path) -> Path:
    cached(places)
    cached(places, repo="maker/adapter")
    locked = LockedRepo(REPO, "main", COMMIT, pulled_at="2026-01-01T00:00:00+00:00")
    write_lock(places.models_dir, "tiny", (locked,))
    found = find("tiny", SOURCE, places)
    assert found is not None
    target = tmp_path / "tiny.tar"
    make_bundle("tiny", SOURCE, found, places, target)
    return target


@pytest.fixture
def elsewhere(tmp_path: Path) -> WeightsPlaces:
    """Another machine."""
    return WeightsPlaces(tmp_path / "elsewhere" / "models", tmp_path / "elsewhere" / "hub")


def tar_of(path: Path, *members: tarfile.TarInfo, **files: bytes) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in members:
            tar.addfile(member)
    return path


def test_bundle_is_the_model_on_another_machine(bundle: Path, elsewhere: WeightsPlaces) -> None:
    assert open_bundle(bundle, elsewhere) == "tiny"
    found = find("tiny", SOURCE, elsewhere)
    assert found is not None
    assert (found.folder, found.revision) == (elsewhere.plain_folder("tiny"), COMMIT)
    for name, data in FILES.items():
        assert (found.folder / name).read_bytes() == data
    for name, data in ADAPTER.items():
        assert (found.folder / "adapter" / name).read_bytes() == data
    assert read_lock(elsewhere.models_dir)["tiny"][0].commit == COMMIT


def test_plain_tar_unpacks_it_too(bundle: Path, elsewhere: WeightsPlaces) -> None:
    elsewhere.models_dir.mkdir(parents=True)
    with tarfile.open(bundle) as tar:
        assert all(member.isreg() for member in tar)
        tar.extractall(elsewhere.models_dir, filter="data")
    found = find("tiny", SOURCE, elsewhere)
    assert found is not None
    assert found.revision == COMMIT


def test_bundle_of_an_unpacked_bundle_keeps_its_record(
    bundle: Path, elsewhere: WeightsPlaces, tmp_path: Path
) -> None:
    open_bundle(bundle, elsewhere)
    found = find("tiny", SOURCE, elsewhere)
    assert found is not None
    make_bundle("tiny", SOURCE, found, elsewhere, tmp_path / "again.tar")
    with tarfile.open(tmp_path / "again.tar") as again, tarfile.open(bundle) as first:
        assert again.getnames() == first.getnames()
        member = again.extractfile(f"tiny/{RECORD}")
        assert member is not None
        assert COMMIT.encode() in member.read()


def test_what_is_there_is_not_replaced(bundle: Path, elsewhere: WeightsPlaces) -> None:
    fill(elsewhere.plain_folder("tiny"), {"mine": b"mine"})
    with pytest.raises(WeightsBrokenError, match="is there already"):
        open_bundle(bundle, elsewhere)
    assert [path.name for path in elsewhere.models_dir.iterdir()] == ["tiny"]


def test_damaged_bundle_leaves_nothing_behind(bundle: Path, elsewhere: WeightsPlaces) -> None:
    bundle.write_bytes(bundle.read_bytes()[:3000])
    with pytest.raises(WeightsBrokenError):
        open_bundle(bundle, elsewhere)
    assert list(elsewhere.models_dir.iterdir()) == []


def link() -> tarfile.TarInfo:
    member = tarfile.TarInfo("tiny/config.json")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return member


def device() -> tarfile.TarInfo:
    member = tarfile.TarInfo("tiny/config.json")
    member.type = tarfile.CHRTYPE
    return member


@pytest.mark.parametrize(
    "hostile", ["../config.json", "/config.json", "tiny/../../config.json", "config.json"]
)
def test_path_that_leaves_the_folder_is_refused(
    tmp_path: Path, elsewhere: WeightsPlaces, hostile: str
) -> None:
    tar = tar_of(tmp_path / "hostile.tar", **{hostile: b"{}"})
    with pytest.raises(WeightsBrokenError, match="which is refused"):
        open_bundle(tar, elsewhere)
    assert list(elsewhere.models_dir.iterdir()) == []


@pytest.mark.parametrize("member", [link(), device()])
def test_anything_but_files_is_refused(
    tmp_path: Path, elsewhere: WeightsPlaces, member: tarfile.TarInfo
) -> None:
    tar = tar_of(tmp_path / "hostile.tar", member, **{"tiny/a": b""})
    with pytest.raises(WeightsBrokenError, match="which is refused"):
        open_bundle(tar, elsewhere)


def test_several_models_in_one_file_are_refused(tmp_path: Path, elsewhere: WeightsPlaces) -> None:
    tar = tar_of(tmp_path / "two.tar", **{"a/config.json": b"{}", "b/config.json": b"{}"})
    with pytest.raises(WeightsBrokenError, match="folder of one model"):
        open_bundle(tar, elsewhere)


def test_file_that_is_no_tar_is_told(tmp_path: Path, elsewhere: WeightsPlaces) -> None:
    (tmp_path / "no.tar").write_bytes(b"no tar" * 1000)
    with pytest.raises(WeightsBrokenError, match="no tar file"):
        open_bundle(tmp_path / "no.tar", elsewhere)

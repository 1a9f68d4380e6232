"""Weights are fetched from a hub: resumed, verified, locked, and only once."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from ocr_api.catalog import WeightsSource
from ocr_api.errors import WeightsBrokenError, WeightsDownloadError
from ocr_api.weights import Found, WeightsPlaces, find
from ocr_api.weights.download import Download, Wish, chosen_files
from ocr_api.weights.hub import Hub, HubAccess, HubFile, Listing
from ocr_api.weights.lock import LOCK, read_lock
from tests.hub import FakeHub, model_files, safetensors

REPO = "maker/tiny"
SOURCE = WeightsSource(REPO)
ADAPTER = {"adapter_config.json": b"{}", "adapter_model.safetensors": safetensors(2000)}


def pull(
    hub: FakeHub,
    places: WeightsPlaces,
    source: WeightsSource = SOURCE,
    *,
    update: bool = False,
    token: str | None = None,
) -> Found:
    told: list[tuple[int, int | None]] = []

    def report(done: int, total: int | None) -> None:
        told.append((done, total))

    with Hub(HubAccess(hub.url, token)) as connection:
        download = Download(connection, places, report, pause=lambda _: None)
        found = download.pull(Wish("tiny", source, update))
    assert all(total is None or 0 <= done <= total for done, total in told)
    return found


def blobs(places: WeightsPlaces) -> list[Path]:
    return sorted((places.repo_folder(REPO) / "blobs").iterdir())


def test_pulled_weights_are_found_whole_and_locked(hub: FakeHub, places: WeightsPlaces) -> None:
    commit = hub.add(REPO, model_files())
    found = pull(hub, places)
    assert found == find("tiny", SOURCE, places)
    assert found.revision == commit
    assert {path.name for path in found.folder.iterdir()} == {
        *("config.json", "tokenizer.json", "README.md", "model.safetensors")
    }
    (locked,) = read_lock(places.models_dir)["tiny"]
    assert (locked.repo, locked.revision, locked.commit) == (REPO, "main", commit)
    assert locked.pulled_at is not None
    told = {file.path: file.sha256 for file in locked.files}
    weights = model_files()["model.safetensors"]
    assert told["model.safetensors"] == hashlib.sha256(weights).hexdigest()
    assert told["config.json"] is None  # the hub states none of small files


def test_huggingface_hub_reads_what_was_pulled(
    hub: FakeHub, places: WeightsPlaces, tmp_path: Path
) -> None:
    hub.add(REPO, model_files())
    found = pull(hub, places)
    theirs = snapshot_download(REPO, cache_dir=tmp_path / "hub", local_files_only=True)
    assert Path(theirs) == found.folder


def test_second_pull_asks_nobody(hub: FakeHub, places: WeightsPlaces) -> None:
    hub.add(REPO, model_files())
    found = pull(hub, places)
    hub.requests.clear()
    assert pull(hub, places) == found
    assert hub.requests == []


def test_locked_commit_stays_until_an_update_is_asked_for(
    hub: FakeHub, places: WeightsPlaces
) -> None:
    first = hub.add(REPO, model_files(seed=1))
    pull(hub, places)
    second = hub.add(REPO, model_files(seed=2))
    shutil.rmtree(places.hub_cache)
    assert pull(hub, places).revision == first
    assert pull(hub, places, update=True).revision == second
    assert pull(hub, places).revision == second


def test_broken_connection_is_resumed_at_the_byte(hub: FakeHub, places: WeightsPlaces) -> None:
    hub.add(REPO, model_files(300_000))
    hub.breaks["model.safetensors"] = 131_072
    pull(hub, places)
    assert hub.content_requests("model.safetensors") == [None, "bytes=131072-"]
    assert hub.sent["model.safetensors"] == len(safetensors(300_000))


def test_damaged_content_is_refused_and_fetched_anew(hub: FakeHub, places: WeightsPlaces) -> None:
    hub.add(REPO, model_files())
    hub.corrupt.add("model.safetensors")
    with pytest.raises(WeightsDownloadError, match=r"model\.safetensors.*damaged: SHA-256"):
        pull(hub, places)
    assert find("tiny", SOURCE, places) is None
    hub.corrupt.clear()
    assert pull(hub, places).folder.is_dir()


def test_damaged_small_file_is_noticed_by_its_git_id(hub: FakeHub, places: WeightsPlaces) -> None:
    hub.add(REPO, model_files())
    hub.corrupt.add("config.json")
    with pytest.raises(WeightsDownloadError, match=r"config\.json.*damaged: git id"):
        pull(hub, places)


def test_damaged_cache_is_mended_by_a_pull(hub: FakeHub, places: WeightsPlaces) -> None:
    hub.add(REPO, model_files())
    weights = pull(hub, places).folder / "model.safetensors"
    with weights.resolve().open("r+b") as file:
        file.truncate(100)
    with pytest.raises(WeightsBrokenError, match=r"model\.safetensors"):
        find("tiny", SOURCE, places)
    pull(hub, places)
    assert weights.read_bytes() == model_files()["model.safetensors"]


def test_disk_too_small_is_told_with_its_numbers(
    hub: FakeHub, places: WeightsPlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(REPO, model_files(3_000_000))
    usage = type(shutil.disk_usage("/"))(10**9, 10**9 - 2**20, 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(WeightsDownloadError, match=r"need 3 MiB more.* has 1 MiB") as told:
        pull(hub, places)
    assert told.value.facts["free_bytes"] == 2**20
    assert hub.sent == {}


def test_adapter_is_fetched_with_its_base(hub: FakeHub, places: WeightsPlaces) -> None:
    hub.add(REPO, model_files())
    commit = hub.add("maker/adapter", ADAPTER)
    found = pull(hub, places, WeightsSource(REPO, adapter_repo="maker/adapter"))
    assert found.adapter_folder is not None
    assert found.adapter_folder.name == commit
    assert len(read_lock(places.models_dir)["tiny"]) == 2


def test_repository_of_pickles_is_refused(hub: FakeHub, places: WeightsPlaces) -> None:
    hub.add(REPO, {"config.json": b"{}", "pytorch_model.bin": b"pickle"})
    with pytest.raises(WeightsDownloadError, match=r"pytorch_model\.bin, a pickle"):
        pull(hub, places)
    assert not (places.models_dir / LOCK).exists()


def test_closed_repository_says_what_to_do(hub: FakeHub, places: WeightsPlaces) -> None:
    hub.add(REPO, model_files())
    hub.token = "hf_secret"
    with pytest.raises(WeightsDownloadError, match="set HF_TOKEN") as told:
        pull(hub, places)
    assert "hf_secret" not in told.value.detail
    assert pull(hub, places, token=hub.token).folder.is_dir()


def test_unknown_repository_is_told(hub: FakeHub, places: WeightsPlaces) -> None:
    with pytest.raises(WeightsDownloadError, match="has no maker/tiny at main"):
        pull(hub, places)


def test_hub_that_is_away_is_given_up(hub: FakeHub, places: WeightsPlaces) -> None:
    hub.is_down = True
    with pytest.raises(WeightsDownloadError, match="given up after 5 tries"):
        pull(hub, places)
    assert len(hub.requests) == 5


def test_operators_own_folder_needs_no_hub(hub: FakeHub, places: WeightsPlaces) -> None:
    folder = places.plain_folder("tiny")
    folder.mkdir(parents=True)
    for name, data in model_files().items():
        if "/" not in name:
            (folder / name).write_bytes(data)
    assert pull(hub, places).is_plain
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsBrokenError, match=r"model\.safetensors"):
        pull(hub, places)
    assert hub.requests == []


@pytest.mark.parametrize("path", ["../model.safetensors", "/etc/model.safetensors"])
def test_path_that_leaves_the_folder_is_refused(
    hub: FakeHub, places: WeightsPlaces, path: str
) -> None:
    hub.add(REPO, {**model_files(), path: b"x"})
    with pytest.raises(WeightsDownloadError, match="refused"):
        pull(hub, places)


def test_only_the_usual_form_of_the_weights_is_chosen() -> None:
    names = ["model-1.safetensors", "model.safetensors.index.json", "consolidated.safetensors"]
    others = ["LICENSE", "chat_template.jinja", "tf_model.h5", "fp32/model.safetensors", "a.py"]
    files = tuple(HubFile(name, 1, None, "0" * 40) for name in (*names, *others))
    chosen = {file.path for file in chosen_files(Listing(REPO, "0" * 40, files))}
    assert chosen == {*names[:2], "LICENSE", "chat_template.jinja"}


def test_lock_file_is_plain_json(hub: FakeHub, places: WeightsPlaces) -> None:
    hub.add(REPO, model_files())
    pull(hub, places)
    told = json.loads((places.models_dir / LOCK).read_text())
    assert told["version"] == 1
    assert set(told["models"]) == {"tiny"}

"""Finds a model's weights: files only, no network, no heavy library."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ocr_api.catalog import WeightsSource
from ocr_api.errors import WeightsBrokenError
from ocr_api.weights.lock import RECORD, locked_commit, recorded_commit
from ocr_api.weights.places import WeightsPlaces
from ocr_api.weights.verification import Signature, signature_of, verify_adapter, verify_model

ADAPTER = "adapter"
"""Folder of the adapter inside a model's plain folder."""
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Found:
    """Whole weights on this machine.

    Attributes:
        folder: Holds `config.json` and what belongs to it.
        adapter_folder: Of the adapter that the catalog entry names; None = it names none.
        revision: Commit of the weights; None = a plain folder that does not say.
        is_plain: It lies in `MODELS_DIR`, not in the cache.
        size_bytes: Of the tensor files, the adapter's left out; 0 = unknown.
    """

    folder: Path
    adapter_folder: Path | None = None
    revision: str | None = None
    is_plain: bool = False
    size_bytes: int = 0


class WeightsLookup:
    """Finds and verifies weights; remembers what was verified until a file changes.

    Blocking; call it from a thread. Not for several threads at a time.

    Args:
        places: The folders to look through.
    """

    def __init__(self, places: WeightsPlaces) -> None:
        self._places = places
        self._verified: dict[Path, tuple[Signature, WeightsBrokenError | None]] = {}

    @property
    def places(self) -> WeightsPlaces:
        """The folders that are looked through."""
        return self._places

    def find(self, model_id: str, source: WeightsSource) -> Found | None:
        """Gives the weights of a model; None = they are not on this machine.

        `MODELS_DIR/<id>` comes first, then the locked commit in Hugging Face's cache, or, where
        none was locked, the commit that the cache knows the wanted revision by.

        Raises:
            WeightsBrokenError: They are here, but a file of them is damaged or missing.
        """
        plain = self._places.plain_folder(model_id)
        if plain.is_dir() and any(plain.iterdir()):
            return self._plain(plain, source)
        return self._cached(model_id, source)

    def _plain(self, folder: Path, source: WeightsSource) -> Found:
        size_bytes = self._check(folder, verify_model)
        adapter = folder / ADAPTER if source.adapter_repo else None
        if adapter is not None:
            self._check(adapter, verify_adapter)
        revision = recorded_commit(folder / RECORD, source.repo)
        return Found(folder, adapter, revision, is_plain=True, size_bytes=size_bytes)

    def _cached(self, model_id: str, source: WeightsSource) -> Found | None:
        folder = self._snapshot(model_id, source.repo, source.revision)
        if folder is None:
            return None
        adapter = None
        if source.adapter_repo:
            adapter = self._snapshot(model_id, source.adapter_repo, source.adapter_revision)
            if adapter is None:
                return None
            self._check(adapter, verify_adapter)
        size_bytes = self._check(folder, verify_model)
        return Found(folder, adapter, folder.name, size_bytes=size_bytes)

    def _snapshot(self, model_id: str, repo: str, revision: str) -> Path | None:
        cached = self._places.repo_folder(repo)
        commit = locked_commit(self._places.models_dir, model_id, repo, revision)
        if commit is None:
            commit = _commit_of(cached, revision)
        if commit is None:
            return None
        folder = cached / "snapshots" / commit
        return folder if folder.is_dir() else None

    def _check(self, folder: Path, verify: Callable[[Path], None]) -> int:
        """Gives the size of its tensor files, in bytes."""
        if not folder.is_dir():
            msg = f"{folder} is missing."
            raise WeightsBrokenError(msg, file=str(folder))
        signature = signature_of(folder)
        known = self._verified.get(folder)
        if known is None or known[0] != signature:
            known = (signature, _fault_of(folder, verify))
            self._verified[folder] = known
        if known[1] is not None:
            raise WeightsBrokenError(known[1].detail, **known[1].facts)
        return sum(size for name, size, _ in signature if name.endswith(".safetensors"))


def find(model_id: str, source: WeightsSource, places: WeightsPlaces) -> Found | None:
    """Gives the weights of a model as `WeightsLookup.find` does, once.

    Raises:
        WeightsBrokenError: They are here, but a file of them is damaged or missing.
    """
    return WeightsLookup(places).find(model_id, source)


def _fault_of(folder: Path, verify: Callable[[Path], None]) -> WeightsBrokenError | None:
    try:
        verify(folder)
    except WeightsBrokenError as exc:
        return exc
    return None


def _commit_of(cached: Path, revision: str) -> str | None:
    if COMMIT.fullmatch(revision):
        return revision
    try:
        commit = (cached / "refs" / revision).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return commit if COMMIT.fullmatch(commit) else None

"""Fetches a model's weights into Hugging Face's cache; runs in a child made for that.

The fetching is ours, because huggingface_hub 2.4 writes each try into a file of another name and
so starts over after a kill; the layout of the cache is theirs (docs/adr/0009-weights.md).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from ocr_api.catalog import WeightsSource
from ocr_api.errors import WeightsBrokenError, WeightsDownloadError
from ocr_api.weights.cache_layout import blob_path, link_snapshot
from ocr_api.weights.fetching import Fetching, persistently, unfinished
from ocr_api.weights.hub import Hub, HubFile, Listing
from ocr_api.weights.lock import LockedFile, LockedRepo, locked_repo, write_lock
from ocr_api.weights.lookup import Found, WeightsLookup
from ocr_api.weights.places import WeightsPlaces
from ocr_api.weights.progress import Progress, Report, only_download
from ocr_api.weights.verification import PICKLES

_TEXTS = frozenset({".json", ".txt", ".jinja", ".model", ".tiktoken", ".md"})
_WEIGHTS = ("model", "adapter_model")
_PAPERS = ("LICENSE", "LICENCE", "NOTICE", "README", "USE_POLICY")
_MIB = 1024 * 1024
_RESERVE_BYTES = 256 * _MIB
"""Room that a download leaves on the disk for everything else."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be fetched.

    Attributes:
        model_id: Of the catalog.
        source: Where it is published.
        update: Take what the revision is now, and lock that.
    """

    model_id: str
    source: WeightsSource
    update: bool = False

    @property
    def repos(self) -> Sequence[tuple[str, str]]:
        """Repositories and their revisions: the weights, then the adapter."""
        own = (self.source.repo, self.source.revision)
        if self.source.adapter_repo is None:
            return (own,)
        return (own, (self.source.adapter_repo, self.source.adapter_revision))


class Download:
    """Fetches weights; blocking.

    Args:
        hub: Where they are published.
        places: The cache that they are put into, and the folder of the lock file.
        report: Told how far it has come.
        pause: Waits between tries.
    """

    def __init__(
        self,
        hub: Hub,
        places: WeightsPlaces,
        report: Report,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._hub = hub
        self._places = places
        self._report = report
        self._pause = pause

    def pull(self, wish: Wish) -> Found:
        """Fetches what is missing, verifies it and locks its commit.

        Weights that were pulled, or that lie in the operator's own folder, need no network.

        Raises:
            WeightsDownloadError: They cannot be had, or there is no room for them.
            WeightsBrokenError: The operator's own folder is damaged, or the weights are not whole
                although they are what the hub gave.
        """
        try:
            with only_download(self._guard(wish.source.repo), self._report) as progress:
                return self._already_here(wish) or self._fetch(wish, progress)
        except OSError as exc:
            msg = f"The weights cannot be kept: {exc.filename or ''} {exc.strerror}."
            raise WeightsDownloadError(msg) from exc

    def _guard(self, repo: str) -> Path:
        name = self._places.repo_folder(repo).name
        return self._places.hub_cache / ".locks" / f"{name}.ocr-api.lock"

    def _already_here(self, wish: Wish) -> Found | None:
        try:
            found = WeightsLookup(self._places).find(wish.model_id, wish.source)
        except WeightsBrokenError as exc:
            if Path(str(exc.facts["file"])).is_relative_to(self._places.models_dir):
                raise  # the operator's: not ours to mend
            return None
        if found is None or wish.update:
            return None
        return found if found.is_plain or self._is_pulled(wish) else None

    def _is_pulled(self, wish: Wish) -> bool:
        folder = self._places.models_dir
        locked = (locked_repo(folder, wish.model_id, *repo) for repo in wish.repos)
        return all(found is not None and found.pulled_at is not None for found in locked)

    def _fetch(self, wish: Wish, progress: Progress) -> Found:
        listings = [self._listing(wish, *repo) for repo in wish.repos]
        repos = tuple(
            _to_lock(listing, revision)
            for listing, (_, revision) in zip(listings, wish.repos, strict=True)
        )
        if not wish.update:
            write_lock(self._places.models_dir, wish.model_id, repos)
        self._fetch_files(listings, progress)
        for locked, listing in zip(repos, listings, strict=True):
            link_snapshot(self._places, listing, locked.revision)
        ended = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
        done = tuple(replace(locked, pulled_at=ended) for locked in repos)
        write_lock(self._places.models_dir, wish.model_id, done)
        return self._found_again(wish)

    def _fetch_files(self, listings: Sequence[Listing], progress: Progress) -> None:
        wanted = [
            (listing, file, blob_path(self._places, listing.repo, file))
            for listing in listings
            for file in listing.files
        ]
        total = sum(file.size for _, file, _ in wanted)
        present = sum(_present_bytes(blob, file) for _, file, blob in wanted)
        self._check_room(total - present)
        progress.expect(total, present)
        fetching = Fetching(self._hub, progress, self._pause)
        for listing, file, blob in wanted:
            fetching.obtain(listing, file, blob)
        progress.tell()

    def _found_again(self, wish: Wish) -> Found:
        found = WeightsLookup(self._places).find(wish.model_id, wish.source)
        if found is None:
            msg = f"The weights of {wish.model_id} were fetched and are not found again."
            raise WeightsDownloadError(msg)
        return found

    def _listing(self, wish: Wish, repo: str, revision: str) -> Listing:
        locked = locked_repo(self._places.models_dir, wish.model_id, repo, revision)
        known = None if wish.update or locked is None else locked.commit
        listing = persistently(
            lambda: self._hub.listing(repo, known or revision), pause=self._pause
        )
        if known is not None and listing.commit != known:
            msg = f"The hub gave another commit of {repo} than the locked {known}."
            raise WeightsDownloadError(msg)
        return replace(listing, files=chosen_files(listing))

    def _check_room(self, needed: int) -> None:
        cache = self._places.hub_cache
        free = shutil.disk_usage(cache).free
        if needed and free < needed + _RESERVE_BYTES:
            msg = (
                f"The weights need {-(-needed // _MIB)} MiB more, and {_RESERVE_BYTES // _MIB} MiB "
                f"are to stay free; {cache} has {free // _MIB} MiB. Make room, or set HF_HOME."
            )
            raise WeightsDownloadError(msg, needed_bytes=needed, free_bytes=free)


def chosen_files(listing: Listing) -> tuple[HubFile, ...]:
    """Gives the files of a repository that are fetched: safetensors and what belongs to them.

    Folders inside the repository hold other forms of the weights (ONNX, states of a training).

    Raises:
        WeightsDownloadError: It has no weights as safetensors; pickles are never fetched.
    """
    top = tuple(file for file in listing.files if "/" not in file.path)
    weights = tuple(file for file in top if _is_weights(PurePosixPath(file.path)))
    if not weights:
        pickles = [file.path for file in top if PurePosixPath(file.path).suffix in PICKLES]
        instead = f" but {pickles[0]}, a pickle, which is never loaded" if pickles else ""
        msg = f"{listing.repo} has no weights as safetensors{instead}."
        raise WeightsDownloadError(msg)
    return (*(file for file in top if _is_text(PurePosixPath(file.path))), *weights)


def _is_weights(path: PurePosixPath) -> bool:
    return path.suffix == ".safetensors" and path.name.startswith(_WEIGHTS)


def _is_text(path: PurePosixPath) -> bool:
    return path.suffix in _TEXTS or path.name.startswith(_PAPERS)


def _to_lock(listing: Listing, revision: str) -> LockedRepo:
    files = tuple(LockedFile(file.path, file.size, file.sha256) for file in listing.files)
    return LockedRepo(listing.repo, revision, listing.commit, files)


def _present_bytes(blob: Path, file: HubFile) -> int:
    for path in (blob, unfinished(blob)):
        if path.exists():
            return min(path.stat().st_size, file.size)
    return 0

"""The layout of Hugging Face's cache: contents under their ETag, snapshots of links to them.

As in huggingface_hub's guide "Understand caching" (2.4): `blobs/<etag>`,
`snapshots/<commit>/<path>` → `../../blobs/<etag>`, `refs/<revision>` holds a commit.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from ocr_api.errors import WeightsDownloadError
from ocr_api.weights.hub import HubFile, Listing
from ocr_api.weights.lock import sync_folder
from ocr_api.weights.lookup import COMMIT
from ocr_api.weights.places import WeightsPlaces
from ocr_api.weights.verification import CONFIG


def blob_path(places: WeightsPlaces, repo: str, file: HubFile) -> Path:
    """Gives where a file's content lies.

    Raises:
        WeightsDownloadError: The hub gave it no name.
    """
    if file.cache_name is None:
        msg = f"The hub does not tell the id of {file.path} of {repo}."
        raise WeightsDownloadError(msg)
    return places.repo_folder(repo) / "blobs" / file.cache_name


def link_snapshot(places: WeightsPlaces, listing: Listing, revision: str) -> None:
    """Makes the snapshot of a commit whose contents are all there; `config.json` comes last.

    Args:
        places: The cache.
        listing: The files.
        revision: What was asked for; where it is no commit, the cache notes what it stood for.
    """
    root = places.repo_folder(listing.repo)
    snapshot = root / "snapshots" / listing.commit
    for file in sorted(listing.files, key=lambda file: file.path == CONFIG):
        link = snapshot / PurePosixPath(file.path)
        link.parent.mkdir(parents=True, exist_ok=True)
        fresh = link.with_name(f".{link.name}.fresh")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.path.relpath(blob_path(places, listing.repo, file), link.parent))
        fresh.replace(link)
    sync_folder(snapshot)
    if not COMMIT.fullmatch(revision):
        _note_revision(root / "refs" / PurePosixPath(revision), listing.commit)


def _note_revision(ref: Path, commit: str) -> None:
    ref.parent.mkdir(parents=True, exist_ok=True)
    fresh = ref.with_name(f".{ref.name}.fresh")
    fresh.write_text(commit, encoding="ascii")
    fresh.replace(ref)

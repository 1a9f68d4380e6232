"""Fetches one file of a repository: goes on where it broke off, and verifies what arrived."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from ocr_api.errors import WeightsDownloadError
from ocr_api.weights.hub import Hub, HubAwayError, HubFile, Listing
from ocr_api.weights.lock import sync_folder
from ocr_api.weights.progress import Progress

Value = TypeVar("Value")

_READ_BYTES = 4 * 1024 * 1024
_TRIES = 5
"""Breaks in a row, without one more byte between them, after which a download is given up."""
_PAUSE_S = 1.0


def unfinished(blob: Path) -> Path:
    """Gives where a file grows until it is whole; huggingface_hub cleans such names up too."""
    return blob.with_name(f"{blob.name}.incomplete")


def persistently(
    act: Callable[[], Value],
    size: Callable[[], int] = lambda: 0,
    pause: Callable[[float], None] = time.sleep,
) -> Value:
    """Repeats what the hub broke off, as long as it gives anything.

    Args:
        act: What is tried.
        size: Bytes that there are by now; where they grew, counting starts anew.
        pause: Waits so many seconds.

    Raises:
        WeightsDownloadError: The hub was away too often.
    """
    breaks, last = 0, size()
    while True:
        try:
            return act()
        except HubAwayError as exc:
            breaks, last = (0 if size() > last else breaks) + 1, size()
            if breaks >= _TRIES:
                msg = f"{exc}; given up after {breaks} tries. What has arrived is kept."
                raise WeightsDownloadError(msg) from exc
            pause(_PAUSE_S * breaks)


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class Fetching:
    """Fetches files of one download, one after another; blocking.

    Args:
        hub: Where they are.
        progress: Told of every byte.
        pause: Waits between tries.
    """

    def __init__(self, hub: Hub, progress: Progress, pause: Callable[[float], None]) -> None:
        self._hub = hub
        self._progress = progress
        self._pause = pause

    def obtain(self, listing: Listing, file: HubFile, blob: Path) -> None:
        """Has a file's content at `blob`, whole and with the digest that the hub states.

        Raises:
            WeightsDownloadError: It cannot be had, or arrived damaged (it is removed then).
        """
        if blob.exists():
            if self._difference(blob, file) is None:
                return
            self._progress.advance(-min(blob.stat().st_size, file.size))
            blob.unlink()
        blob.parent.mkdir(parents=True, exist_ok=True)
        growing = unfinished(blob)
        persistently(
            lambda: self._stream(listing, file, growing), lambda: _size(growing), self._pause
        )
        fault = self._difference(growing, file)
        if fault is not None:
            growing.unlink()
            msg = f"{file.path} of {listing.repo} arrived damaged: {fault}."
            raise WeightsDownloadError(msg, file=file.path)
        growing.replace(blob)
        sync_folder(blob.parent)

    def _stream(self, listing: Listing, file: HubFile, growing: Path) -> None:
        """Appends what is missing to what is there."""
        with growing.open("ab") as target:
            start = min(target.tell(), file.size)
            target.truncate(start)
            if start == file.size:
                return
            try:
                with self._hub.content(listing.repo, listing.commit, file.path, start) as opened:
                    at, pieces = opened
                    target.truncate(at)
                    target.seek(at)
                    self._progress.advance(at - start)
                    for piece in pieces:
                        target.write(piece[: file.size - target.tell()])
                        self._progress.advance(len(piece))
            finally:
                target.flush()
                os.fsync(target.fileno())
        if _size(growing) < file.size:
            msg = f"{file.path} broke off after {_size(growing)} of {file.size} bytes"
            raise HubAwayError(msg)

    def _difference(self, path: Path, file: HubFile) -> str | None:
        """Tells how a file differs from what the hub states of it; None = it doesn't."""
        size = _size(path)
        if size != file.size:
            return f"{size} bytes instead of {file.size}"
        if file.sha256 is not None:
            found = self._digest(path, hashlib.sha256())
            return None if found == file.sha256 else f"SHA-256 {found} instead of {file.sha256}"
        git_blob = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
        found = self._digest(path, git_blob)
        return None if found == file.git_id else f"git id {found} instead of {file.git_id}"

    def _digest(self, path: Path, digest: _Digest) -> str:
        with path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                digest.update(piece)
                self._progress.advance(0)  # nothing arrives, but work goes on
        return digest.hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0

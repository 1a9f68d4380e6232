"""Blocking work on the folder of a local object store; run it in a worker thread."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ocr_api.store.names import RESULTS, UPLOADS, WEBHOOKS

_STAGED = re.compile(r"(?P<name>.+)#\d+")
"""How obstore's local store (object_store's LocalFileSystem) names files that it still writes, and
`write_whole` does."""

Sync = Callable[[Path], None]
"""Makes a file or a folder last, as `fsync_path` does; blocking."""


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """One blob in a list.

    Attributes:
        key: Where it lies.
        size: Bytes.
        modified_at: Seconds since the epoch by the object store's clock.
    """

    key: str
    size: int
    modified_at: float


def fsync_path(path: Path) -> None:
    """Waits until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(root: Path, sync: Sync) -> None:
    """Makes the folders of the object store, for their owner only."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (UPLOADS, RESULTS, WEBHOOKS):
        (root / name).mkdir(mode=0o700, exist_ok=True)
    sync(root)


def sync_file(path: Path, sync: Sync) -> None:
    """Makes a new file last: its bytes, then its name."""
    sync(path)
    sync(path.parent)


def write_whole(path: Path, data: bytes, sync: Sync) -> None:
    """Writes a file that is there whole or not at all, and makes it last."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    staged = path.with_name(f"{path.name}#{secrets.randbelow(10**9)}")
    staged.write_bytes(data)
    staged.replace(path)
    sync_file(path, sync)


def open_to_read(path: Path) -> int:
    """Gives a read-only descriptor."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def scratch_file(data: bytes) -> int:
    """Gives a descriptor, at its start, of a file without a name that holds these bytes."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return os.dup(file.fileno())


def find_staged(root: Path) -> list[BlobInfo]:
    """Gives the files that are written to until they are whole."""
    return [
        BlobInfo(path.relative_to(root).as_posix(), facts.st_size, facts.st_mtime)
        for name in (UPLOADS, RESULTS, WEBHOOKS)
        for path, facts in _files(root / name)
        if _STAGED.fullmatch(path.name)
    ]


def unlink(path: Path) -> None:
    """Removes a file; one that is missing already is fine."""
    path.unlink(missing_ok=True)


def unlink_staged(path: Path) -> None:
    """Removes what was staged for a file that did not become whole."""
    for found, _ in list(_files(path.parent)):
        match = _STAGED.fullmatch(found.name)
        if match is not None and match["name"] == path.name:
            unlink(found)


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yields the files of a folder with their facts; those that go meanwhile are left out."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        try:
            facts = path.lstat()
        except FileNotFoundError:
            continue
        yield path, facts

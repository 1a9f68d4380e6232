"""Locks on a data directory: one owner, one server."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ocr_api.errors import StoreInUseError, StoreUnavailableError


class FileLock:
    """A lock that lasts as long as any process holds its descriptor (flock(2)), and no longer.

    Args:
        path: Of the lock file; it stays when the lock is gone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """Of the lock that is held; a child that inherits it holds the lock too."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        return self._descriptor

    @property
    def is_held(self) -> bool:
        """This object holds the lock."""
        return self._descriptor is not None

    def try_acquire(self) -> bool:
        """Takes the lock; False = somebody else has it. Does not wait."""
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Lets go; a child that inherited the descriptor keeps the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def write_pid(self) -> None:
        """Notes in the file who holds the lock, for people."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def read_pid(self) -> str:
        """Gives who noted itself last, or `unknown`."""
        try:
            return self._path.read_text("ascii").strip() or "unknown"
        except (OSError, ValueError):
            return "unknown"


def acquire_owner(data_dir: Path) -> FileLock:
    """Makes this process the one owner of a data directory, which is made if missing.

    Raises:
        StoreInUseError: Another process is its owner.
        StoreUnavailableError: The directory cannot be made or written to.
    """
    lock = FileLock(data_dir / "owner.lock")
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_ours = lock.try_acquire()
    except OSError as exc:
        msg = f"The data directory {data_dir} cannot be used: {exc.strerror}. Set DATA_DIR."
        raise StoreUnavailableError(msg, data_dir=str(data_dir)) from exc
    if not is_ours:
        pid = lock.read_pid()
        msg = (
            f"The data directory {data_dir} is in use by another `ocr-api serve` (process {pid}). "
            "Stop that one first, or start this one with another --data-dir."
        )
        raise StoreInUseError(
            msg,
            data_dir=str(data_dir),
            pid=pid,
        )
    lock.write_pid()
    return lock

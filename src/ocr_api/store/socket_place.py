"""Where the embedded server's socket lies: paths of sockets are short."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from ocr_api.errors import StoreError

_MOST_BYTES = 99
"""`sun_path` holds 108 bytes on Linux and 104 elsewhere, the last a zero (unix(7))."""


_SHORT_NAME = re.compile(r"ocr-api-\d+-[0-9a-f]{16}")


def find_socket_path(folder: Path) -> Path:
    """Gives the socket's path: in the server's folder, or else in a short one made for it.

    Blocking; the same for every process that asks.

    Raises:
        StoreError: The short folder belongs to somebody else, or others may enter it.
    """
    path = folder.absolute() / "valkey.sock"
    if len(os.fsencode(path)) <= _MOST_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"ocr-api-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    _check_is_ours(short)
    return short / "valkey.sock"


def remove_socket_place(path: Path) -> None:
    """Removes the short folder that was made for a socket, once its server has stopped.

    Blocking; leaves any other folder alone, and one that holds more than the socket.
    """
    if not _SHORT_NAME.fullmatch(path.parent.name):
        return
    with suppress(OSError):
        path.unlink(missing_ok=True)
        path.parent.rmdir()


def running_server_url(data_dir: Path) -> str | None:
    """Gives the address of the embedded server of a data directory; None = none was started.

    Blocking. A socket may also be left of a server that was killed: try it.
    """
    folder = data_dir / "valkey"
    if not folder.is_dir():
        return None
    path = find_socket_path(folder)
    return socket_url(path) if path.exists() else None


def socket_url(path: Path) -> str:
    """Gives the address of a server behind a socket, as `connect` takes it."""
    return f"unix://{quote(str(path))}"


def _check_is_ours(folder: Path) -> None:
    """Everybody may write to the temporary folder, so the place may be somebody's trap."""
    facts = folder.lstat()
    is_private = stat.S_ISDIR(facts.st_mode) and not facts.st_mode & 0o077
    if not is_private or facts.st_uid != os.getuid():
        msg = (
            f"{folder} is not a private folder of this user; remove it, or choose a data "
            "directory with a shorter path."
        )
        raise StoreError(
            msg,
            folder=str(folder),
        )

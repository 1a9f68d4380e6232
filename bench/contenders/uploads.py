"""What the thin services have in common: uploads in files, and reading that takes no time."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import anyio.to_thread

from bench.contenders.timing import RESULT

QUEUE_URL = "QUEUE_URL"
"""Environment variable: the server, `unix:///path`."""

UPLOADS = "UPLOADS"
"""Environment variable: a folder."""

SYNC_UPLOADS = "SYNC_UPLOADS"
"""Environment variable: set = an upload is on the disk before it is accepted."""

WAIT_STEP_S = 0.005
"""How often a library looks for a result while a caller waits; 0.2 or 0.5 s by themselves."""

KEPT_S = 3600


def keep(data: bytes) -> str:
    """Writes an upload into a file, synced where the environment says so; gives its path."""
    path = Path(os.environ[UPLOADS]) / uuid.uuid4().hex
    path.write_bytes(data)
    if os.environ.get(SYNC_UPLOADS):
        _sync(path)
        _sync(path.parent)
    return str(path)


async def keep_in_thread(data: bytes) -> str:
    """Keeps an upload, in a thread where that waits for the disk; gives its path."""
    if os.environ.get(SYNC_UPLOADS):
        return await anyio.to_thread.run_sync(keep, data)
    return keep(data)


def read_page(path: str) -> dict[str, str]:
    """Takes the bytes and gives a page of text at once."""
    Path(path).read_bytes()
    return RESULT


def told(result: object) -> dict[str, object]:
    """Gives what a caller is answered; None = not done yet."""
    if result is None:
        return {"status": "queued"}
    return {"status": "completed", "result": result}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

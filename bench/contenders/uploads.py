"""What the thin services have in common: uploads in files, and reading that takes no time."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from bench.contenders.timing import RESULT

QUEUE_URL = "QUEUE_URL"
"""Environment variable: the server, `unix:///path`."""

UPLOADS = "UPLOADS"
"""Environment variable: a folder."""

WAIT_STEP_S = 0.005
"""How often a library looks for a result while a caller waits; 0.2 or 0.5 s by themselves."""

KEPT_S = 3600


def keep(data: bytes) -> str:
    """Writes an upload into a file, not synced; gives its path."""
    path = Path(os.environ[UPLOADS]) / uuid.uuid4().hex
    path.write_bytes(data)
    return str(path)


def read_page(path: str) -> dict[str, str]:
    """Takes the bytes and gives a page of text at once."""
    Path(path).read_bytes()
    return RESULT


def told(result: object) -> dict[str, object]:
    """Gives what a caller is answered; None = not done yet."""
    if result is None:
        return {"status": "queued"}
    return {"status": "completed", "result": result}

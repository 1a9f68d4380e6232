"""The receiver's process, and what it got."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("receiver.py")


@dataclass(frozen=True)
class Got:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    asked_for: str

    @property
    def event(self) -> dict[str, Any]:
        """The body, parsed."""
        return dict(json.loads(self.body))


@dataclass(frozen=True)
class Receiving:
    """A receiver that runs."""

    port: int
    notes: Path

    def url(self, path: str) -> str:
        """An address of the receiver."""
        return f"http://127.0.0.1:{self.port}{path}"

    def got(self, path: str | None = None) -> list[Got]:
        """Every request so far, the oldest first."""
        if not self.notes.exists():
            return []
        rows = [json.loads(line) for line in self.notes.read_text().splitlines()]
        found = [Got(**{**row, "body": base64.b64decode(row["body"])}) for row in rows]
        return [one for one in found if path is None or one.path == path]


@contextmanager
def receiver(notes: Path, port: int = 0, certificate: Path | None = None) -> Iterator[Receiving]:
    """A receiver for the time of the context; with a certificate it speaks TLS."""
    with subprocess.Popen(
        [
            sys.executable,
            str(PROGRAM),
            str(notes),
            str(port),
            *([str(certificate)] if certificate else []),
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield Receiving(int(process.stdout.readline()), notes)
        finally:
            process.kill()

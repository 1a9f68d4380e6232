"""Which files `ocr-api read` reads, and where their results go."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocr_api.errors import DamagedDocumentError, EmptyUploadError, UnsupportedTypeError
from ocr_api.jobs import READABLE_TYPES, SNIFF_BYTES, MediaType, sniff_media_type

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to read; `path` None = standard input."""

    name: str
    path: Path | None

    def result_path(self, suffix: str) -> Path | None:
        """Where the result goes: beside the input, under its whole name and a suffix."""
        return self.path and self.path.with_name(f"{self.path.name}.{suffix}")

    def is_done(self, suffix: str) -> bool:
        """A result is there that is not older than the input."""
        result = self.result_path(suffix)
        if self.path is None or result is None or not result.is_file():
            return False
        return result.stat().st_mtime_ns >= self.path.stat().st_mtime_ns

    def open(self) -> tuple[int, MediaType]:
        """Opens the file; the caller closes the descriptor.

        Raises:
            DamagedDocumentError: It cannot be read.
            EmptyUploadError: It has no bytes.
            UnsupportedTypeError: Its first bytes name no type that is read.
        """
        try:
            descriptor = _spool_standard_input() if self.path is None else _open(self.path)
        except OSError as exc:
            msg = f"{self.name} cannot be opened: {exc.strerror}."
            raise DamagedDocumentError(msg) from exc
        try:
            return descriptor, _media_type(self.name, os.pread(descriptor, SNIFF_BYTES, 0))
        except BaseException:
            os.close(descriptor)
            raise


def find_inputs(names: Sequence[str]) -> Iterator[InputFile]:
    """Gives the files named, and of folders (recursively) those whose first bytes are known."""
    for name in names:
        path = Path(name)
        if name == STANDARD_INPUT:
            yield InputFile("standard input", None)
        elif path.is_dir():
            inside = sorted(found for found in path.rglob("*") if found.is_file())
            yield from (InputFile(str(found), found) for found in inside if _is_known(found))
        else:
            yield InputFile(name, path)


def write_result(path: Path, text: str) -> None:
    """Writes a result whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _open(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.pread(descriptor, 1, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _spool_standard_input() -> int:
    """Copies standard input into an unlinked file, since decoders seek."""
    with tempfile.TemporaryFile() as spool:
        while chunk := sys.stdin.buffer.read(1 << 20):
            spool.write(chunk)
        spool.flush()
        return os.dup(spool.fileno())


def _media_type(name: str, head: bytes) -> MediaType:
    if not head:
        msg = f"{name} is empty."
        raise EmptyUploadError(msg)
    media_type = sniff_media_type(head)
    if media_type is None:
        msg = f"{name} is none of: {', '.join(sorted(READABLE_TYPES))}."
        raise UnsupportedTypeError(msg)
    return media_type


def _is_known(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return sniff_media_type(file.read(SNIFF_BYTES)) is not None
    except OSError:
        return False

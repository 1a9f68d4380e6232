"""The frame, and the messages that every child knows."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ocr_api.errors import OcrApiError, error_class

HEADER = struct.Struct(">II")
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_FILES = 64


@dataclass(frozen=True, slots=True)
class Ready:
    """A child says that it can take the next request."""

    kind: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True)
class Failed:
    """A child could not do what it was asked; it goes on serving."""

    code: str
    detail: str
    facts: Mapping[str, object] = field(default_factory=dict[str, object])
    kind: Literal["failed"] = "failed"

    @classmethod
    def of(cls, error: OcrApiError) -> Failed:
        """Describes an error of ours."""
        return cls(error.code, error.detail, error.facts)

    def to_error(self) -> OcrApiError:
        """Gives the error again, of the class with this code."""
        return error_class(self.code)(self.detail, **self.facts)


def encode_frame(body: bytes, file_count: int) -> bytes:
    """Gives header and body in one; the descriptors go beside its first byte."""
    return HEADER.pack(len(body), file_count) + body


def decode_header(header: bytes) -> tuple[int, int]:
    """Gives `(bytes of the body, number of descriptors)`.

    Raises:
        ValueError: A size is beyond the bounds; the other end is not to be trusted.
    """
    length, file_count = HEADER.unpack(header)
    if length > MAX_BODY_BYTES or file_count > MAX_FILES:
        msg = f"a frame of {length} bytes with {file_count} files is beyond the bounds"
        raise ValueError(msg)
    return length, file_count

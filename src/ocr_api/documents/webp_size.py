"""The canvas of a WebP file, read from its header (RFC 9649)."""

from __future__ import annotations


def canvas_size(data: bytes) -> tuple[int, int]:
    """Gives `(width_px, height_px)` without decoding.

    Raises:
        ValueError: The first chunk is none that a WebP file may start with.
    """
    chunk = data[12:16]
    if chunk == b"VP8X" and len(data) >= 30:
        return _little(data[24:27]) + 1, _little(data[27:30]) + 1
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a" and len(data) >= 30:
        return _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF
    if chunk == b"VP8L" and data[20:21] == b"\x2f" and len(data) >= 25:
        bits = _little(data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    msg = "no WebP picture header"
    raise ValueError(msg)


def _little(part: bytes) -> int:
    return int.from_bytes(part, "little")

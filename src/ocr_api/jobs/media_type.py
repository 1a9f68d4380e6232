"""Which kind of file an upload is, decided by its first bytes, never by its name."""

from __future__ import annotations

from enum import StrEnum

SNIFF_BYTES = 1024
"""How many first bytes `sniff_media_type` needs: a PDF's header may stand this far in
(ISO 32000-2, annex I, note on implementation limits)."""


class MediaType(StrEnum):
    """The types that are recognised."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    GIF = "image/gif"
    BMP = "image/bmp"
    TIFF = "image/tiff"
    WEBP = "image/webp"
    AVIF = "image/avif"
    HEIC = "image/heic"
    PDF = "application/pdf"


MEDIA_TYPES = tuple(MediaType)

READABLE_TYPES = frozenset(MEDIA_TYPES) - {MediaType.HEIC}
"""The types that can be decoded. HEIC is recognised only so that its refusal can be clear: every
decoder for it that a package brings is copyleft."""

_PREFIXES = (
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"GIF87a", MediaType.GIF),
    (b"GIF89a", MediaType.GIF),
    (b"BM", MediaType.BMP),
    (b"II*\0", MediaType.TIFF),
    (b"MM\0*", MediaType.TIFF),
    (b"II+\0", MediaType.TIFF),
    (b"MM\0+", MediaType.TIFF),
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def sniff_media_type(head: bytes) -> MediaType | None:
    """Names the type of a file from its first `SNIFF_BYTES` bytes; None = not one that is read.

    Raises nothing; knows nothing of whether the rest of the file is sound.
    """
    for prefix, media_type in _PREFIXES:
        if head.startswith(prefix):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return MediaType.WEBP
    if head[4:8] == b"ftyp":
        return _sniff_iso_brand(head)
    return MediaType.PDF if b"%PDF-" in head[:SNIFF_BYTES] else None


def _sniff_iso_brand(head: bytes) -> MediaType | None:
    """Reads the brands of an ISO base media file (ISO/IEC 14496-12, 4.3)."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))}
    if brands & _AVIF_BRANDS:
        return MediaType.AVIF
    return MediaType.HEIC if brands & _HEIC_BRANDS else None

"""JPEG files that end early: all pixels there, or half a page?

Scanners and interrupted copies often lose the two bytes of the end marker (EOI) while every pixel
is there: such files are read, with a warning. Files whose pixels are cut off are refused.
Pillow cannot tell the two apart, so the picture is decoded twice, with different bytes set behind
its end: if these bytes show in the pixels, pixels were missing.
"""

from __future__ import annotations

import io

from PIL import ImageChops, ImageFile, JpegImagePlugin

from ocr_api.documents.faults import damaged
from ocr_api.jobs import MediaType

JPEG_END_WARNING = "The JPEG file lacks its end marker; all of its pixels were there."

_END = b"\xff\xd9"
_TAILS = (b"", bytes(range(1, 240)) * 4)
_ZEROS = bytes(64)


def load_jpeg(picture: ImageFile.ImageFile, data: bytes) -> bool:
    """Decodes a JPEG picture in place.

    Args:
        picture: Opened on `data`, not yet decoded.
        data: The whole file.

    Returns:
        Whether the end marker was missing.

    Raises:
        DamagedDocumentError: Pixels are missing.
        Exception: Whatever the decoder raises on other damage.
    """
    try:
        picture.load()
    except OSError as exc:
        mended = _mended(data)
        if mended is None:
            raise damaged(MediaType.JPEG) from exc
        picture.im = mended.im
        picture.tile = []
        return True
    return False


def _mended(data: bytes) -> ImageFile.ImageFile | None:
    """Gives the picture if only its end marker is missing."""
    body = data[:-1] if data.endswith(b"\xff") else data
    if body.endswith(_ZEROS):
        # Room that a broken copy never filled: decodes, but to nothing that was on the page.
        return None
    try:
        plain, marked = (_decoded(body + tail + _END) for tail in _TAILS)
    except OSError:
        return None
    same = ImageChops.difference(plain, marked).getbbox(alpha_only=False) is None
    return plain if same else None


def _decoded(data: bytes) -> ImageFile.ImageFile:
    picture = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    picture.load()
    return picture

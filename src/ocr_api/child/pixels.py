"""Memory files that carry pixels from process to process."""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import tempfile
from collections.abc import Generator

from ocr_api.messages import ImageHeader
from ocr_api.pages import PageImage


def write_pixels(page: PageImage) -> int:
    """Puts the pixels of a page into a new memory file; the caller closes the descriptor.

    Where the system has no `memfd_create`, an unlinked file in the scratch folder serves.

    Raises:
        OSError: No room, or the process's file-size limit (which cuts memory files too).
    """
    descriptor = _new_file()
    try:
        view = page.pixels.cast("B")
        while view:
            view = view[os.write(descriptor, view) :]
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def mapped_page(header: ImageHeader, descriptor: int) -> Generator[PageImage]:
    """Maps a memory file and gives its page for the time of the context; closes the descriptor.

    Raises:
        ValueError: The file is shorter than the header says.
    """
    try:
        mapping = mmap.mmap(descriptor, header.byte_count, prot=mmap.PROT_READ)
    finally:
        os.close(descriptor)
    view = memoryview(mapping)
    try:
        yield header.with_pixels(view)
    finally:
        # An engine may still hold an array over the pixels; the mapping then ends with that array.
        with contextlib.suppress(BufferError):
            view.release()
            mapping.close()


def _new_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("page", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as unlinked:
        return os.dup(unlinked.fileno())

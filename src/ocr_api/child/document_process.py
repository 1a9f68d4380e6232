"""The document child: opens untrusted files and decodes them within limits, one page a request.

Started as `python -m ocr_api.child.document_process <descriptor> <parent pid> [limits]`, with an
empty environment. It serves `OpenDocument` and `RenderPage` until its parent is gone.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, fields

from PIL import AvifImagePlugin

from ocr_api.child.channel import Channel
from ocr_api.child.confinement import confine, needed_folders
from ocr_api.child.lifetime import die_with_parent
from ocr_api.child.limits import DocumentLimits, allow_cpu, apply_limits
from ocr_api.child.pixels import write_pixels
from ocr_api.child.serving import Answer, serve
from ocr_api.documents import OpenedDocument, RenderedPage, open_document
from ocr_api.documents.faults import memory_exceeded
from ocr_api.errors import DocumentError, OcrApiError
from ocr_api.messages import (
    DocumentOpened,
    ImageHeader,
    Message,
    OpenDocument,
    PageRendered,
    Ready,
    RenderPage,
)


@dataclass(frozen=True, slots=True)
class _Arguments:
    descriptor: int
    parent_pid: int
    limits: DocumentLimits


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the child; returns when the parent has closed its end.

    Args:
        arguments: Command line; None = that of the process.
    """
    given = _parse(arguments)
    die_with_parent(given.parent_pid)
    with Channel.of_descriptor(given.descriptor) as channel:
        # A thread pool would count against the limits on memory and processes.
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        confine(needed_folders())
        apply_limits(given.limits)
        channel.send(Ready())
        serve(channel, _Documents(given.limits).answer, _unforeseen)


class _Documents:
    """Answers requests; keeps the last named document open for its further pages."""

    def __init__(self, limits: DocumentLimits) -> None:
        self._limits = limits
        self._kept: tuple[str, OpenedDocument] | None = None

    def answer(self, request: Message, files: list[int]) -> Answer:
        """Opens a document, or gives a page and the descriptor of its pixels; closes the files."""
        try:
            allow_cpu(self._limits.cpu_s)
            return self._answer(*_checked(request, files))
        except BaseException:
            self._forget()
            raise
        finally:
            self._forget_unnamed()
            for descriptor in files:
                os.close(descriptor)

    def _answer(self, request: OpenDocument | RenderPage, file: int) -> Answer:
        if isinstance(request, OpenDocument):
            return self._open(request, file)
        return self._render(request, file)

    def _open(self, request: OpenDocument, file: int) -> Answer:
        self._forget()
        document = _opened(file, request, request.max_pages)
        self._kept = (request.document, document)
        return DocumentOpened(document.pages_total, document.warnings), []

    def _render(self, request: RenderPage, file: int) -> Answer:
        document = self._kept_as(request.document)
        if document is None:
            self._forget()
            document = _opened(file, request, None)
            self._kept = (request.document, document)
        answer = _answer_of(document.render(request))
        if request.page_number == document.pages_total:
            self._forget()
        return answer

    def _kept_as(self, name: str) -> OpenedDocument | None:
        return self._kept[1] if self._kept is not None and self._kept[0] == name else None

    def _forget_unnamed(self) -> None:
        if self._kept is not None and not self._kept[0]:
            self._forget()

    def _forget(self) -> None:
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None


def _opened(file: int, request: OpenDocument | RenderPage, max_pages: int | None) -> OpenedDocument:
    with os.fdopen(file, "rb", closefd=False) as source:
        return open_document(
            source, request.media_type, max_pages=max_pages, password=request.password
        )


def _checked(request: Message, files: list[int]) -> tuple[OpenDocument | RenderPage, int]:
    if not isinstance(request, OpenDocument | RenderPage) or len(files) != 1:
        msg = f"a document child takes a document and one file, not {request.kind}"
        raise TypeError(msg)
    return request, files[0]


def _answer_of(rendered: RenderedPage) -> Answer:
    try:
        pixels = write_pixels(rendered.page)
    except (OSError, MemoryError) as exc:
        # The file-size limit, or no memory for the pages of the memory file.
        raise memory_exceeded() from exc
    header = ImageHeader.of(rendered.page)
    return PageRendered(header, rendered.warnings), [pixels]


def _unforeseen(error: Exception) -> OcrApiError:
    traceback.print_exception(error, file=sys.stderr)
    return DocumentError(
        "The document could not be decoded for an unforeseen reason. "
        "Save it again in another program and send the new file."
    )


def _parse(arguments: Sequence[str] | None) -> _Arguments:
    parser = argparse.ArgumentParser(prog="ocr_api.child.document_process")
    parser.add_argument("descriptor", type=int)
    parser.add_argument("parent_pid", type=int)
    defaults = DocumentLimits()
    names = [field.name for field in fields(DocumentLimits)]
    for name in names:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=getattr(defaults, name))
    found = parser.parse_args(arguments)
    limits = DocumentLimits(**{name: getattr(found, name) for name in names})
    return _Arguments(found.descriptor, found.parent_pid, limits)


if __name__ == "__main__":
    main()

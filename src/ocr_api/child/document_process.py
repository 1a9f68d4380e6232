"""The document child: decodes untrusted files within limits, one page a request.

Started as `python -m ocr_api.child.document_process <descriptor> <parent pid> [limits]`, with an
empty environment. It serves `RenderPage` requests until its parent is gone.
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
from ocr_api.documents import RenderedPage, render_page
from ocr_api.documents.faults import memory_exceeded
from ocr_api.errors import DocumentError, OcrApiError
from ocr_api.messages import ImageHeader, Message, PageRendered, Ready, RenderPage


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
        serve(channel, _Renderer(given.limits).answer, _unforeseen)


class _Renderer:
    def __init__(self, limits: DocumentLimits) -> None:
        self._limits = limits

    def answer(self, request: Message, files: list[int]) -> Answer:
        """Gives the page and the descriptor of its pixels; closes the document's."""
        try:
            document, render = _checked(request, files)
            allow_cpu(self._limits.cpu_s)
            return _answer_of(_rendered(document, render))
        finally:
            for descriptor in files:
                os.close(descriptor)


def _rendered(document: int, request: RenderPage) -> RenderedPage:
    with os.fdopen(document, "rb", closefd=False) as source:
        return render_page(source, request)


def _answer_of(rendered: RenderedPage) -> Answer:
    try:
        pixels = write_pixels(rendered.page)
    except (OSError, MemoryError) as exc:
        # The file-size limit, or no memory for the pages of the memory file.
        raise memory_exceeded() from exc
    header = ImageHeader.of(rendered.page)
    return PageRendered(header, rendered.pages_total, rendered.warnings), [pixels]


def _checked(request: Message, files: list[int]) -> tuple[int, RenderPage]:
    if not isinstance(request, RenderPage) or len(files) != 1:
        msg = f"a document child takes RenderPage with one file, not {request.kind}"
        raise TypeError(msg)
    return files[0], request


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

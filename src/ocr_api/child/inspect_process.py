"""The inspecting child: looks at a page before it is read.

Run as `python -m ocr_api.child.inspect_process <socket descriptor> <parent pid>`.
"""

from __future__ import annotations

import os
import signal
import sys

from ocr_api.child.channel import Channel
from ocr_api.child.lifetime import die_with_parent
from ocr_api.child.pixels import mapped_page
from ocr_api.child.serving import Answer, serve
from ocr_api.engines.base import Inspector
from ocr_api.engines.inspector import PageInspector
from ocr_api.errors import EngineError, OcrApiError
from ocr_api.messages import InspectPage, Message, PageInspected, Ready

_NICENESS = 5


class InspectChild:
    """Answers `InspectPage`."""

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector

    def handle(self, message: Message, files: list[int]) -> Answer:
        """Looks at one page.

        Raises:
            EngineError: The message is none of an inspector's.
        """
        if not isinstance(message, InspectPage):
            msg = f"An inspecting child cannot answer '{message.kind}'."
            raise EngineError(msg)
        (descriptor,) = files
        with mapped_page(message.image, descriptor) as page:
            return PageInspected(self._inspector.inspect(page, message.languages)), []


def main() -> None:
    """Serves the parent until it is gone."""
    descriptor, parent_pid = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    with Channel.of_descriptor(descriptor) as channel:
        child = InspectChild(PageInspector())
        channel.send(Ready())
        serve(channel, child.handle, _as_engine_error)


def _as_engine_error(exc: Exception) -> OcrApiError:
    return EngineError(f"The page could not be inspected ({type(exc).__name__}). See the log.")


if __name__ == "__main__":
    main()

"""The loop that every child runs: take a request, answer it, until the parent is gone."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable

from ocr_api.child.channel import Channel, ParentGoneError
from ocr_api.errors import EngineMemoryError, OcrApiError
from ocr_api.messages import Failed, Message

Answer = tuple[Message, list[int]]
Handler = Callable[[Message, list[int]], Answer]


def serve(channel: Channel, handle: Handler, on_error: Callable[[Exception], OcrApiError]) -> None:
    """Answers requests until the parent closes its end.

    Args:
        channel: The socket to the parent.
        handle: Takes a request with its descriptors (which it closes) and gives the answer with
            descriptors to send (closed here).
        on_error: Turns a foreign exception into one of ours.
    """
    while True:
        try:
            request, files = channel.receive()
        except ParentGoneError:
            return
        try:
            answer, produced = handle(request, files)
        except OcrApiError as exc:
            answer, produced = Failed.of(exc), []
        except MemoryError:
            answer, produced = Failed.of(EngineMemoryError("Out of memory.")), []
        except Exception as exc:  # noqa: BLE001 - the border of the child: recorded and told
            traceback.print_exc()
            answer, produced = Failed.of(on_error(exc)), []
        try:
            channel.send(answer, produced)
        except ParentGoneError:
            return
        finally:
            for descriptor in produced:
                os.close(descriptor)

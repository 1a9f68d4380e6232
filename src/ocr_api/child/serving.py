"""The loop that every child runs: take a request, answer it, until the parent is gone."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable

from ocr_api.child.channel import Channel, ParentGoneError
from ocr_api.errors import EngineMemoryError, OcrApiError
from ocr_api.messages import Failed, Message, StopReading

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
        if isinstance(request, StopReading):  # came after the end of what it was to stop
            continue
        answer, produced = _answer(request, files, handle, on_error)
        try:
            channel.send(answer, produced)
        except ParentGoneError:
            return
        finally:
            for descriptor in produced:
                os.close(descriptor)


def _answer(
    request: Message,
    files: list[int],
    handle: Handler,
    on_error: Callable[[Exception], OcrApiError],
) -> Answer:
    try:
        return handle(request, files)
    except OcrApiError as exc:
        return Failed.of(exc), []
    except MemoryError:
        return Failed.of(EngineMemoryError("Out of memory.")), []
    except Exception as exc:  # noqa: BLE001 - the border of the child: recorded and told
        traceback.print_exc()
        return Failed.of(on_error(exc)), []

"""Hears, while pages are read, which of them the parent wants stopped."""

from __future__ import annotations

from ocr_api.child.channel import Channel
from ocr_api.errors import EngineError
from ocr_api.messages import StopReading, TextRead


class StopOrders:
    """What the parent has said about the batch that is being read.

    Args:
        channel: The socket to the parent, on which nothing else may come meanwhile.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._ordered: set[int] = set()
        self._obeyed: set[int] = set()

    def includes(self, index: int) -> bool:
        """Tells whether the page with this index is to end; never waits.

        The parent learns, by an empty text of the page, that its order was heard: so it knows a
        model that goes on with the other pages from one that is stuck.

        Raises:
            ParentGoneError: Nobody waits for the answer any more.
        """
        while self._channel.has_message():
            self._take()
        if index not in self._ordered:
            return False
        if index not in self._obeyed:
            self._obeyed.add(index)
            self._channel.send(TextRead(index, ""))
        return True

    def _take(self) -> None:
        message, _ = self._channel.receive()
        if not isinstance(message, StopReading):
            msg = f"'{message.kind}' came while pages were read."
            raise EngineError(msg)
        self._ordered.update(message.indexes)

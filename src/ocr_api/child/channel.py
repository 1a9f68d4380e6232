"""The child's end of the socket to its parent: blocking, one request at a time."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Sequence
from types import TracebackType

from ocr_api.messages import (
    HEADER,
    MAX_FILES,
    Message,
    decode_body,
    decode_header,
    encode_body,
    encode_frame,
)


class ParentGoneError(Exception):
    """The parent closed its end; the child has nothing left to do."""


class Channel:
    """Frames to and from the parent.

    Args:
        connection: A connected stream socket of the Unix family; closed with the channel.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @classmethod
    def of_descriptor(cls, descriptor: int) -> Channel:
        """Takes over the inherited descriptor of the socket."""
        return cls(socket.socket(fileno=descriptor))

    def send(self, message: Message, files: Sequence[int] = ()) -> None:
        """Sends a message and open descriptors; the caller keeps and closes its own copies.

        Raises:
            ParentGoneError: Nobody listens any more.
        """
        frame = encode_frame(encode_body(message), len(files))
        try:
            if not files:
                self._connection.sendall(frame)
                return
            sent = socket.send_fds(self._connection, [frame], list(files))
            self._connection.sendall(memoryview(frame)[sent:])
        except (BrokenPipeError, ConnectionResetError) as exc:
            raise ParentGoneError from exc

    def receive(self) -> tuple[Message, list[int]]:
        """Waits for the next message; the caller closes the descriptors that came with it.

        Raises:
            ParentGoneError: The parent closed its end.
            ValueError: What came is no message of ours.
        """
        header, files = self._receive_header()
        length, file_count = decode_header(header)
        if len(files) != file_count:
            for descriptor in files:
                os.close(descriptor)
            msg = f"{file_count} files were announced, {len(files)} came"
            raise ValueError(msg)
        return decode_body(self._receive_exactly(length)), files

    def has_message(self) -> bool:
        """Tells, without waiting, whether the parent has sent something, or has gone."""
        return bool(select.select([self._connection], [], [], 0)[0])

    def close(self) -> None:
        """Closes the socket."""
        self._connection.close()

    def __enter__(self) -> Channel:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _receive_header(self) -> tuple[bytes, list[int]]:
        received = bytearray()
        files: list[int] = []
        while len(received) < HEADER.size:
            try:
                part, descriptors, _, _ = socket.recv_fds(
                    self._connection, HEADER.size - len(received), MAX_FILES
                )
            except ConnectionResetError as exc:
                raise ParentGoneError from exc
            files.extend(descriptors)
            if not part:
                raise ParentGoneError
            received += part
        return bytes(received), files

    def _receive_exactly(self, length: int) -> bytes:
        received = bytearray(length)
        view = memoryview(received)
        while view:
            count = self._connection.recv_into(view)
            if count == 0:
                raise ParentGoneError
            view = view[count:]
        return bytes(received)

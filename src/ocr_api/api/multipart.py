"""A streamed multipart form as a row of events (RFC 7578), parsed by python-multipart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ocr_api.errors import MalformedRequestError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_PLAIN_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})


@dataclass(frozen=True, slots=True)
class PartBegan:
    """A part of the form begins.

    Attributes:
        name: Of the form's field.
        filename: As sent; None = a plain field.
    """

    name: str
    filename: str | None


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The part that began last is complete."""


Event = PartBegan | PartEnded | bytes
"""Bytes belong to the part that began last."""


@dataclass(slots=True)
class _Header:
    name: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)


class FormEvents:
    """Turns pieces of a form's body into events; holds at most one piece and one part's headers."""

    def __init__(self, content_type: str) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise MalformedRequestError("The multipart Content-Type names no boundary.")
        self._events: list[Event] = []
        self._headers: list[_Header] = []
        self._is_complete = False
        try:
            self._parser = MultipartParser(boundary, callbacks=self._callbacks())
        except FormParserError as exc:
            raise MalformedRequestError("The form's boundary is longer than allowed.") from exc

    def feed(self, piece: bytes) -> list[Event]:
        """Gives the events that a piece of the body completes.

        Raises:
            MalformedRequestError: The body is no multipart form.
        """
        self._events = []
        try:
            self._parser.write(piece)
        except FormParserError as exc:
            msg = "The body is not a well-formed multipart form. With curl, use -F file=@page.png."
            raise MalformedRequestError(msg) from exc
        return self._events

    def finish(self) -> None:
        """Checks that the form was whole.

        Raises:
            MalformedRequestError: The closing boundary never came.
        """
        if not self._is_complete:
            raise MalformedRequestError("The multipart form ends before its closing boundary.")

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._headers.clear,
            "on_header_begin": lambda: self._headers.append(_Header()),
            "on_header_field": self._extend_name,
            "on_header_value": self._extend_value,
            "on_headers_finished": self._begin_part,
            "on_part_data": self._add_data,
            "on_part_end": lambda: self._events.append(PartEnded()),
            "on_end": self._complete,
        }

    def _extend_name(self, data: bytes, start: int, end: int) -> None:
        self._headers[-1].name += data[start:end]

    def _extend_value(self, data: bytes, start: int, end: int) -> None:
        self._headers[-1].value += data[start:end]

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _complete(self) -> None:
        self._is_complete = True

    def _begin_part(self) -> None:
        headers = {
            header.name.decode("latin-1").lower(): header.value.decode("latin-1")
            for header in self._headers
        }
        if headers.get("content-transfer-encoding", "").lower() not in _PLAIN_ENCODINGS:
            raise MalformedRequestError(
                "Content-Transfer-Encoding is not read in forms; send the file's bytes as they are."
            )
        disposition, options = parse_options_header(headers.get("content-disposition"))
        if disposition != b"form-data" or b"name" not in options:
            raise MalformedRequestError("A part of the form has no name.")
        filename = options.get(b"filename")
        self._events.append(
            PartBegan(_decoded(options[b"name"]), None if filename is None else _decoded(filename))
        )


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise MalformedRequestError("A header of the form is not UTF-8.") from exc

"""One request body, whichever way it was sent: as a form, as the file itself, or as JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

import anyio.to_thread
from fastapi import Request
from python_multipart.multipart import parse_options_header

from ocr_api.api.inline import ModelT, parse_inline, parse_model
from ocr_api.api.multipart import Event, FormEvents, PartBegan
from ocr_api.api.receiving import BodyPieces, refusals_drained, too_large
from ocr_api.api.services import Limits
from ocr_api.errors import InvalidOptionError, MalformedRequestError

FILE_FIELD = "file"
FIELDS_BYTES = 256 * 1024
"""Room for everything in a body that is not the file."""

_MAX_FIELDS = 32
_SMALL_BYTES = 64 * 1024

Option = tuple[str, object]


class Body(Protocol):
    """A file and the options sent with it; the file is read once, from begin to end.

    Attributes:
        filename: As sent; None = none was.
        options: Those known so far; all of them once `finish` has returned.
        max_bytes: Largest file that may come this way.
    """

    filename: str | None
    max_bytes: int

    @property
    def options(self) -> Sequence[Option]:
        """The options known so far."""
        ...

    async def take(self) -> bytes | None:
        """Gives the next piece of the file, None at its end."""

    async def finish(self) -> None:
        """Reads what follows the file."""


def body_pieces(request: Request, limits: Limits) -> BodyPieces:
    """Gives the body of a request in pieces, refusing at once one that is declared too large.

    Raises:
        UploadTooLargeError: Content-Length says more than can be allowed.
    """
    kind = _content_type(request)
    limit_bytes, max_bytes = limits.max_upload_bytes, limits.max_upload_bytes
    if kind == "multipart/form-data":
        max_bytes += FIELDS_BYTES
    elif _is_json(kind):
        limit_bytes = limits.max_inline_bytes
        max_bytes = limit_bytes * 3 // 2 + FIELDS_BYTES  # base64 takes 4/3, with line ends more
    if int(request.headers.get("content-length", "0")) > max_bytes:
        raise too_large(limit_bytes)
    return BodyPieces(request, max_bytes=max_bytes, limit_bytes=limit_bytes, idle_s=limits.idle_s)


async def open_body(request: Request, pieces: BodyPieces, limits: Limits) -> Body:
    """Reads a body up to the first byte of its file.

    Raises:
        MalformedRequestError: Form or JSON cannot be understood.
        InvalidOptionError: There is no file in it.
    """
    kind = _content_type(request)
    if kind == "multipart/form-data":
        form = FormBody(FormEvents(request.headers["content-type"]), pieces, limits)
        await form.begin()
        return form
    if _is_json(kind):
        return await _read_inline(pieces, limits)
    return RawBody(pieces, limits)


class RawBody:
    """The body is the file."""

    def __init__(self, pieces: BodyPieces, limits: Limits) -> None:
        self.filename: str | None = None
        self.max_bytes = limits.max_upload_bytes
        self.options: Sequence[Option] = ()
        self._pieces = pieces

    async def take(self) -> bytes | None:
        """Gives the next piece of the file, None at its end."""
        return await self._pieces.take()

    async def finish(self) -> None:
        """Does nothing: nothing follows."""


class InlineBody:
    """The file came inside JSON and sits in memory."""

    def __init__(self, content: bytes, options: Sequence[Option], max_bytes: int) -> None:
        self.filename: str | None = None
        self.max_bytes = max_bytes
        self.options = options
        self._content: bytes | None = content

    async def take(self) -> bytes | None:
        """Gives the file, then None."""
        content, self._content = self._content, None
        return content or None

    async def finish(self) -> None:
        """Does nothing: everything is known."""


class FormBody:
    """The file is a part of a multipart form; options may stand before and after it."""

    def __init__(self, form: FormEvents, pieces: BodyPieces, limits: Limits) -> None:
        self.filename: str | None = None
        self.max_bytes = limits.max_upload_bytes
        self._form = form
        self._pieces = pieces
        self._events: deque[Event] = deque()
        self._options: list[Option] = []
        self._room = FIELDS_BYTES
        self._file_has_ended = False

    @property
    def options(self) -> Sequence[Option]:
        """The fields read so far."""
        return self._options

    async def begin(self) -> None:
        """Reads the fields before the file."""
        part = await self._next_file()
        if part is None:
            msg = "The form has no field `file`. With curl, use -F file=@page.png."
            raise InvalidOptionError(msg, option=FILE_FIELD)
        self.filename = part.filename

    async def take(self) -> bytes | None:
        """Gives the next piece of the file, None at its end."""
        if self._file_has_ended:
            return None
        event = await self._next_event()
        if isinstance(event, bytes):
            return event
        self._file_has_ended = True
        return None

    async def finish(self) -> None:
        """Reads the fields behind the file, to the end of the form."""
        if await self._next_file() is not None:
            msg = "The form has several files; send one request for each."
            raise InvalidOptionError(msg, option=FILE_FIELD)

    async def _next_file(self) -> PartBegan | None:
        """Reads fields up to a file; None at the end of the form."""
        while (event := await self._next_event()) is not None:
            if not isinstance(event, PartBegan):
                continue
            if event.name == FILE_FIELD:
                return event
            await self._read_field(event)
        return None

    async def _read_field(self, part: PartBegan) -> None:
        if part.filename is not None:
            msg = f"The form's file must be in the field `file`, not in '{part.name[:100]}'."
            raise InvalidOptionError(msg, option=part.name[:100])
        if len(self._options) >= _MAX_FIELDS:
            msg = f"The form has more than {_MAX_FIELDS} fields."
            raise MalformedRequestError(msg)
        value = bytearray()
        while isinstance(event := await self._next_event(), bytes):
            self._room -= len(event)
            if self._room < 0:
                raise MalformedRequestError("The fields beside the file are too long.")
            value += event
        try:
            self._options.append((part.name, value.decode("utf-8")))
        except UnicodeDecodeError as exc:
            msg = f"The field '{part.name[:100]}' is not UTF-8."
            raise MalformedRequestError(msg) from exc

    async def _next_event(self) -> Event | None:
        while not self._events:
            piece = await self._pieces.take()
            if piece is None:
                self._form.finish()
                return None
            self._events.extend(self._form.feed(piece))
        return self._events.popleft()


async def read_model(request: Request, limits: Limits, model: type[ModelT]) -> ModelT:
    """Reads a small JSON body, whatever its Content-Type says.

    Raises:
        MalformedRequestError: It is no JSON object.
        InvalidOptionError: A member is missing, unknown or wrong.
        UploadTooLargeError: It is longer than any such body.
    """
    pieces = BodyPieces(
        request, max_bytes=_SMALL_BYTES, limit_bytes=_SMALL_BYTES, idle_s=limits.idle_s
    )
    async with refusals_drained(pieces):
        return parse_model(await _read_all(pieces), model)


async def _read_all(pieces: BodyPieces) -> bytes:
    body = bytearray()
    while (piece := await pieces.take()) is not None:
        body += piece
    return bytes(body)


async def _read_inline(pieces: BodyPieces, limits: Limits) -> InlineBody:
    content, members = await anyio.to_thread.run_sync(
        parse_inline, await _read_all(pieces), limits.max_inline_bytes
    )
    return InlineBody(content, tuple(members.items()), limits.max_inline_bytes)


def _content_type(request: Request) -> str:
    return parse_options_header(request.headers.get("content-type"))[0].decode("latin-1")


def _is_json(kind: str) -> bool:
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )

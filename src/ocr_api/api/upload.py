"""Brings a file into the object store: the first bytes decide its type, all bytes are counted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from ocr_api.api.body import Body
from ocr_api.api.receiving import LONGEST_BODY_S, too_large
from ocr_api.api.services import Services
from ocr_api.errors import (
    EmptyUploadError,
    MalformedRequestError,
    StoreError,
    StoreUnavailableError,
    UnsupportedTypeError,
)
from ocr_api.jobs import SNIFF_BYTES, MediaType, sniff_media_type
from ocr_api.observability import get_logger
from ocr_api.store import upload_key

_log = get_logger(__name__)

_DISCARD_S = 10.0


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that lies in the object store, on disk."""

    key: str
    media_type: MediaType
    size_bytes: int


@asynccontextmanager
async def kept_upload(services: Services, body: Body, job_id: str) -> AsyncGenerator[Upload]:
    """Keeps a body's file, and discards it again where the block does not end well.

    The store must have admitted the job, so that the sweeper leaves the file alone. Where the
    store went away (or this task is cancelled), the job may have been created: then the file is
    left, and the sweeper removes it if nobody needs it.

    Raises:
        EmptyUploadError: There are no bytes.
        UnsupportedTypeError: The first bytes name no type that is read; nothing was stored.
        UploadTooLargeError: There are too many bytes; nothing stays.
    """
    head = await _first_bytes(body)
    media_type = find_media_type(head, services.readable_types)
    key = upload_key(job_id)
    try:
        size_bytes = await _store(services, key, counted(head, body))
        yield Upload(key, media_type, size_bytes)
    except StoreUnavailableError:
        _log.warning("upload_left_for_sweeper", key=key)
        raise
    except Exception:
        await _discard(services, key)
        raise


def find_media_type(head: bytes, readable: frozenset[MediaType]) -> MediaType:
    """Decides the type of a file by its first bytes.

    Raises:
        EmptyUploadError: There are none.
        UnsupportedTypeError: They name no type, or one that is not read.
    """
    if not head:
        raise EmptyUploadError("The file is empty.")
    found = sniff_media_type(head)
    if found is not None and found in readable:
        return found
    allowed = sorted(readable)
    what = "The file is of no type that is read" if found is None else f"{found} is not read"
    msg = f"{what}; its first bytes decide, not its name. Read are: {', '.join(allowed)}."
    raise UnsupportedTypeError(msg, allowed=allowed)


async def _first_bytes(body: Body) -> bytes:
    head = bytearray()
    while len(head) < SNIFF_BYTES and (piece := await body.take()) is not None:
        head += piece
    return bytes(head)


async def counted(head: bytes, body: Body) -> AsyncIterator[bytes]:
    """Yields the pieces of a file; raises `UploadTooLargeError` where there are too many bytes."""
    total = 0
    piece: bytes | None = head
    while piece is not None:
        total += len(piece)
        if total > body.max_bytes:
            raise too_large(body.max_bytes)
        yield piece
        piece = await body.take()


async def _store(services: Services, key: str, pieces: AsyncIterator[bytes]) -> int:
    try:
        with anyio.fail_after(LONGEST_BODY_S):
            return await services.blobs.put_upload(key, pieces)
    except TimeoutError as exc:
        msg = f"The upload took more than {LONGEST_BODY_S:g} seconds and was given up."
        raise MalformedRequestError(msg) from exc


async def _discard(services: Services, key: str) -> None:
    """Deletes an upload that belongs to no job; should that fail, the sweeper finds it later."""
    with anyio.move_on_after(_DISCARD_S, shield=True):
        try:
            await services.blobs.delete(key)
        except StoreError as exc:
            _log.warning("upload_left_for_sweeper", key=key, code=exc.code)

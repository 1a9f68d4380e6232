"""Lets a submission in: is there room, and was the very same one sent before?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress

import anyio
from fastapi import Request

from ocr_api.api.body import Body, Option
from ocr_api.api.services import Services
from ocr_api.api.upload import counted
from ocr_api.errors import (
    IdempotencyKeyReusedError,
    InvalidOptionError,
    OcrApiError,
    StoreError,
    StoreUnavailableError,
)
from ocr_api.jobs import Job
from ocr_api.store import FirstAnswer, IdempotencyKey

HEADER = "Idempotency-Key"
_LONGEST_KEY = 255
_RENEWED_EVERY_S = 4.0
"""Several times within the time for which a key is held."""

_WITHDRAW_S = 5.0
_NOT_HASHED = frozenset({"password"})
"""No trace of a password is stored, not even in a digest."""


def idempotency_key(request: Request, owner: str = "") -> IdempotencyKey | None:
    """Gives the key that a caller sent; None = none.

    Raises:
        InvalidOptionError: It is empty, too long, or not printable ASCII.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        msg = f"{HEADER} must be 1 to {_LONGEST_KEY} printable ASCII characters."
        raise InvalidOptionError(msg, option=HEADER, limit=_LONGEST_KEY)
    return IdempotencyKey.of(key, owner)


@asynccontextmanager
async def admitted(
    services: Services, job_id: str, key: IdempotencyKey | None
) -> AsyncGenerator[FirstAnswer | None]:
    """Gives what the key stands for already; None = go on, the upload may come in.

    Holds the key as long as the block lasts, and takes the admission back where it does not end
    well. Where the store went away the job may have been created, so that the note of its upload
    stays then: it tells audit and sweeper to leave the file alone.

    Raises:
        QueueFullError: As many jobs wait as may.
        IdempotencyKeyInUseError: A request with this key is still coming in.
    """
    first = await services.store.admit(job_id, key)
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        if first is None and key is not None:
            group.start_soon(_keep_held, services, job_id, key)
        try:
            yield first
        except Exception as exc:  # noqa: BLE001 - raised again below, outside the group
            failure = exc
        except BaseException:
            if first is None:
                await _withdraw(services, job_id, key, keep_note=True)
            raise
        group.cancel_scope.cancel()
    if failure is not None:
        if first is None:
            is_doubtful = isinstance(failure, StoreUnavailableError)
            await _withdraw(services, job_id, key, keep_note=is_doubtful)
        raise failure


class Payload:
    """A body whose file and options are hashed while they come in.

    Args:
        body: What is hashed.
        is_hashed: There is a key, for which the digest is needed.
    """

    def __init__(self, body: Body, *, is_hashed: bool) -> None:
        self.filename = body.filename
        self.max_bytes = body.max_bytes
        self._body = body
        self._is_hashed = is_hashed
        self._file = hashlib.sha256()

    @property
    def options(self) -> Sequence[Option]:
        """The options known so far."""
        return self._body.options

    async def take(self) -> bytes | None:
        """Gives the next piece of the file, None at its end."""
        piece = await self._body.take()
        if self._is_hashed and piece is not None:
            self._file.update(piece)
        return piece

    async def finish(self) -> None:
        """Reads what follows the file."""
        await self._body.finish()

    def fingerprint(self, query: Iterable[Option]) -> str:
        """Gives the digest of file and options, once both have come in; names are left out."""
        chosen = {
            (name, json.dumps(value, sort_keys=True))
            for name, value in (*query, *self.options)
            if name not in _NOT_HASHED and value not in (None, "")
        }
        digest = hashlib.sha256(self._file.digest())
        digest.update(json.dumps(sorted(chosen)).encode())
        return digest.hexdigest()


def payload_of(body: Body, key: IdempotencyKey | None) -> Payload:
    """Gives a body as a payload, hashed where a key asks for that."""
    return Payload(body, is_hashed=key is not None)


async def replay(
    services: Services, payload: Payload, query: Iterable[Option], first: FirstAnswer
) -> Job:
    """Reads a repeated submission without keeping it; gives the job of the first one.

    Raises:
        IdempotencyKeyReusedError: It is another submission under the same key.
    """
    async for _ in counted(b"", payload):
        pass
    await payload.finish()
    if payload.fingerprint(query) != first.fingerprint:
        msg = f"This {HEADER} was used for another file or other options; take a new key."
        raise IdempotencyKeyReusedError(msg, option=HEADER)
    return await services.store.get(first.job_id)


async def _keep_held(services: Services, job_id: str, key: IdempotencyKey) -> None:
    """Holds a key anew until cancelled, so that it is free soon after this process was killed.

    Where it could not be held and another request has it now, creating the job will be refused.
    """
    while True:
        await anyio.sleep(_RENEWED_EVERY_S)
        with suppress(OcrApiError):
            await services.store.admit(job_id, key)


async def _withdraw(
    services: Services, job_id: str, key: IdempotencyKey | None, *, keep_note: bool
) -> None:
    """Lets the key go at once; should that fail, it is let go when its time is over."""
    with anyio.move_on_after(_WITHDRAW_S, shield=True):
        with suppress(StoreError):
            await services.store.withdraw(job_id, key, keep_note=keep_note)

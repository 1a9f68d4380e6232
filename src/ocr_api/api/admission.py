"""Lets a submission in: is there room, and was the very same one sent before?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio
import anyio.to_thread
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
_SECRETS = frozenset({"password"})
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 1024 * 1024}
"""About 50 ms and 16 MiB a guess (OWASP's password storage cheat sheet names it with `p` 5)."""


@dataclass(frozen=True, slots=True)
class JobToBe:
    """What is known of a job before its file has come in.

    Attributes:
        id: Under which its upload is kept.
        owner: Name of the caller's API key; empty = nobody was asked for one.
        idempotency: The caller's Idempotency-Key, if there is one.
    """

    id: str
    owner: str
    idempotency: IdempotencyKey | None


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
        key: The caller's; None = none, and nothing is hashed.
    """

    def __init__(self, body: Body, key: IdempotencyKey | None) -> None:
        self.filename = body.filename
        self.max_bytes = body.max_bytes
        self._body = body
        self._key = key
        self._file = hashlib.sha256()

    @property
    def options(self) -> Sequence[Option]:
        """The options known so far."""
        return self._body.options

    async def take(self) -> bytes | None:
        """Gives the next piece of the file, None at its end."""
        piece = await self._body.take()
        if self._key is not None and piece is not None:
            self._file.update(piece)
        return piece

    async def finish(self) -> None:
        """Reads what follows the file."""
        await self._body.finish()

    async def fingerprint(self, query: Iterable[Option]) -> str:
        """Gives the digest of file and options, once both have come in; names are left out.

        Empty where there is no key. A password goes in through a slow hash, salted with the key,
        so that what is stored helps nobody to guess it.
        """
        if self._key is None:
            return ""
        given = {(name, value) for name, value in _written(*query, *self.options)}
        digest = hashlib.sha256(self._file.digest())
        digest.update(json.dumps(sorted(one for one in given if one[0] not in _SECRETS)).encode())
        for name, password in given:
            if name in _SECRETS:
                salt = self._key.digest.encode()
                digest.update(await anyio.to_thread.run_sync(_slow_hash, password, salt))
        return digest.hexdigest()


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
    if await payload.fingerprint(query) != first.fingerprint:
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


def _written(*options: Option) -> Iterator[tuple[str, str]]:
    for name, value in options:
        if value not in (None, ""):
            yield name, json.dumps(value, sort_keys=True)


def _slow_hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)


async def _withdraw(
    services: Services, job_id: str, key: IdempotencyKey | None, *, keep_note: bool
) -> None:
    """Lets the key go at once; should that fail, it is let go when its time is over."""
    with anyio.move_on_after(_WITHDRAW_S, shield=True):
        with suppress(StoreError):
            await services.store.withdraw(job_id, key, keep_note=keep_note)

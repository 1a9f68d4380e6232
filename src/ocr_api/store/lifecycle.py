"""A job's beginning and end, as callers decide them: admitted, cancelled, retried, told."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from redis.asyncio import Redis

from ocr_api.errors import IdempotencyKeyInUseError, QueueFullError, StoreError
from ocr_api.store import keys
from ocr_api.store.commands import commands
from ocr_api.store.failures import redis_failures
from ocr_api.store.scripts import Script, Scripts

_KEY_HELD_S = 15
"""How long a caller's key is held for an upload, and held anew while it goes on. So long a caller
is refused whose first request was cut off by the death of its API."""

_MOST_EVENTS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's Idempotency-Key, in the form in which it is stored.

    Attributes:
        digest: Of owner and key; nothing of the key itself is kept.
    """

    digest: str

    @classmethod
    def of(cls, key: str, owner: str = "") -> IdempotencyKey:
        """Gives the key of one caller; the same text from another owner is another key."""
        return cls(hashlib.sha256(f"{owner}\0{key}".encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What an Idempotency-Key stands for already.

    Attributes:
        job_id: The job that was made then.
        fingerprint: Of the payload of that time.
    """

    job_id: str
    fingerprint: str


class CancelOutcome(StrEnum):
    """What became of the wish to cancel a job."""

    CANCELLED = "cancelled"
    ENDED = "ended"
    UNKNOWN = "unknown"


class Lifecycle:
    """The part of the store about beginnings and ends."""

    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._commands = commands(redis)
        self._scripts = scripts

    async def admit(
        self, job_id: str, key: IdempotencyKey | None = None, *, note_s: int = 3600
    ) -> FirstAnswer | None:
        """Lets an upload come in for a job to be, and holds the caller's key for it.

        Repeat it every few seconds of an upload, so that the key stays held.

        Args:
            job_id: Of the job to be.
            key: The caller's, if there is one.
            note_s: How long the sweeper leaves the upload alone.

        Returns:
            What the key stands for already, in which case nothing is to be kept; else None.

        Raises:
            QueueFullError: As many jobs wait as may.
            IdempotencyKeyInUseError: Another request with this key is still coming in.
        """
        digest = "" if key is None else key.digest
        reply = await self._scripts.call(Script.ADMIT, job_id, note_s, digest, _KEY_HELD_S)
        match cast("list[bytes]", reply):
            case [b"full", *_]:
                raise queue_full()
            case [b"in_flight"]:
                raise key_in_use()
            case [b"known", first_id, fingerprint]:
                return FirstAnswer(first_id.decode(), fingerprint.decode())
            case _:
                return None

    async def withdraw(
        self, job_id: str, key: IdempotencyKey | None = None, *, keep_note: bool = False
    ) -> None:
        """Takes back what `admit` noted; does nothing where the job was created.

        Args:
            job_id: Of the job that is not to be.
            key: The caller's, if there is one.
            keep_note: Its upload is left, since it may still be created: for as long as `admit`
                said nobody is to wonder about the file.
        """
        digest = "" if key is None else key.digest
        await self._scripts.call(Script.WITHDRAW, job_id, digest, int(keep_note))

    async def cancel(self, job_id: str) -> CancelOutcome:
        """Ends a job that lives as `cancelled`; whoever works on it is told to stop.

        That is one short call, however many pages there are; clearing them out of the queues
        comes after it. Should it be cut off, the sweeper does it.
        """
        reply = await self._scripts.call(Script.CANCEL, job_id)
        outcome = CancelOutcome(cast("bytes", reply).decode())
        if outcome is CancelOutcome.CANCELLED:
            with suppress(StoreError):
                await self.drop_pages(job_id)
        return outcome

    async def drop_pages(self, job_id: str) -> None:
        """Takes what is left of an ended job out of the queues, in calls of bounded length.

        Nobody could claim it; it would only lie in the way.
        """
        dropped = 0
        while dropped >= 0:
            dropped = cast("int", await self._scripts.call(Script.DROP, job_id, dropped))

    async def retry(self, job_id: str) -> int:
        """Queues the failed pages of an ended job again, with all their attempts.

        Of a completed job these are the ones that may be read another time; what was read of it
        is kept. One call: about 30 ms for each 1,000 pages.

        Gives their number; -1 where nothing of it can be retried (`Job.retry_refusal`), or it is
        unknown. The upload must still be there.
        """
        return cast("int", await self._scripts.call(Script.RETRY, job_id))

    async def events(self, job_id: str, after: int = 0) -> Sequence[bytes]:
        """Gives what happened to a job, in order, as JSON; at most 1,000 events.

        Args:
            job_id: Of the job; an unknown one has no events.
            after: How many are known already. The first event has the number 1.
        """
        with redis_failures():
            return await self._commands.lrange(
                keys.events_key(job_id), after, after + _MOST_EVENTS_AT_ONCE - 1
            )


def queue_full() -> QueueFullError:
    """Gives the refusal of a further job."""
    return QueueFullError("As many jobs wait as the service takes (MAX_QUEUED_JOBS); try later.")


def key_in_use() -> IdempotencyKeyInUseError:
    """Gives the refusal of a key whose first request has not been answered."""
    return IdempotencyKeyInUseError(
        "A request with this Idempotency-Key is still coming in; repeat this one a little later."
    )

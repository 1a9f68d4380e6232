"""Jobs in the queue: created, looked at, listed, forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import cast

from redis.asyncio import Redis

from ocr_api.errors import InvalidOptionError, UnknownJobError
from ocr_api.jobs import ENDED, Job, JobStatus, PageRecord
from ocr_api.store import keys
from ocr_api.store.commands import batch, commands
from ocr_api.store.failures import redis_failures
from ocr_api.store.lifecycle import IdempotencyKey, key_in_use, queue_full
from ocr_api.store.limits import JobList
from ocr_api.store.records import decode_fields, decode_job, decode_page, encode_job
from ocr_api.store.scripts import Script, Scripts

_LOOKED_AT_ONCE = 200
"""Jobs that one script call filters: bounds how long it keeps the server."""


class Jobs:
    """The part of the store about whole jobs."""

    def __init__(self, redis: Redis, scripts: Scripts, pages_at_once: int) -> None:
        self._redis = redis
        self._pages_at_once = pages_at_once
        self._commands = commands(redis)
        self._scripts = scripts

    async def create(
        self,
        job: Job,
        password: str | None = None,
        *,
        key: IdempotencyKey | None = None,
        fingerprint: str = "",
    ) -> Job:
        """Stores a job and queues the opening of its document, in the lane of `job.model`.

        Idempotent: where a job with this id exists, that one is given and nothing changes.
        Ends the note of its upload (`admit`).

        Args:
            job: As submitted.
            password: Of its document; lies under a key of its own until the job ends.
            key: The caller's Idempotency-Key, which stands for this job from now on.
            fingerprint: Of the payload; goes with `key`.

        Returns:
            The job as stored.

        Raises:
            QueueFullError: As many jobs wait as may.
            IdempotencyKeyInUseError: The key went to another job meanwhile.
        """
        job = replace(job, has_password=bool(password))
        fields = chain.from_iterable(encode_job(job).items())
        digest = "" if key is None else key.digest
        secrets = (password or "", digest, fingerprint)
        reply = await self._scripts.call(Script.CREATE, job.id, job.model, *secrets, *fields)
        outcome, stored = cast("tuple[bytes, object]", reply)
        if outcome == b"full":
            raise queue_full()
        if outcome == b"in_use":
            raise key_in_use()
        return decode_job(decode_fields(stored))

    async def get(self, job_id: str) -> Job:
        """Gives a job.

        Raises:
            UnknownJobError: There is none with this id (any more).
        """
        with redis_failures():
            reply = await self._commands.hgetall(keys.job_key(job_id))
        if not reply:
            raise unknown_job()
        return decode_job(decode_fields(reply))

    async def owner_of(self, job_id: str) -> str:
        """Gives whose job it is, by itself or by its deliveries, which may outlive it.

        Raises:
            UnknownJobError: There is neither.
        """
        places = (keys.JOB + job_id, *(keys.DELIVERY + one for one in keys.delivery_ids(job_id)))
        for place in places:
            with redis_failures():
                owner = await self._commands.hget(place, "owner")
            if owner is not None:
                return owner.decode()
        raise unknown_job()

    async def page(self, job_id: str, number: int) -> PageRecord | None:
        """Gives one page task (from 1; 0 = opening); None where there is no such page or job."""
        with redis_failures():
            reply = await self._commands.hgetall(keys.page_key(job_id, number))
        return decode_page(number, decode_fields(reply)) if reply else None

    async def pages(self, job: Job) -> list[PageRecord]:
        """Gives all page tasks of a job in order; none before its document has been opened."""
        return [page async for page in self.each_page(job)]

    async def each_page(self, job: Job) -> AsyncIterator[PageRecord]:
        """Yields the page tasks of a job in order, read in batches."""
        for numbers in _batched(job.pages or (), self._pages_at_once):
            pipeline = batch(self._redis)
            for number in numbers:
                pipeline.hgetall(keys.page_key(job.id, number))
            with redis_failures():
                replies = await pipeline.execute()
            for number, reply in zip(numbers, replies, strict=True):
                if reply:
                    yield decode_page(number, decode_fields(reply))

    async def password(self, job: Job) -> str | None:
        """Gives the password of a job's document; None where there is none, or the job ended."""
        if not job.has_password:
            return None
        with redis_failures():
            found = await self._commands.get(keys.secret_key(job.id))
        return None if found is None else found.decode()

    async def list_jobs(
        self,
        *,
        limit: int,
        cursor: str | None = None,
        status: JobStatus | None = None,
        model: str | None = None,
        owner: str = "",
    ) -> JobList:
        """Gives up to `limit` (at least 1) jobs, newest first, of one API key; empty = of all.

        Following `next_cursor` shows every job that existed at the first call once, however many
        are created meanwhile.

        Raises:
            InvalidOptionError: The cursor is not one that was given out.
        """
        highest = _parse_cursor(cursor)
        found: list[Job] = []
        while True:
            filters = (status or "", model or "", owner)
            reply = await self._scripts.call(
                Script.LIST, highest, limit - len(found), _LOOKED_AT_ONCE, *filters
            )
            next_rank, *jobs = cast("list[bytes]", reply)
            found += [decode_job(decode_fields(job)) for job in jobs]
            if not next_rank or len(found) >= limit:
                return JobList(tuple(found), next_rank.decode() or None)
            highest = f"({next_rank.decode()}"

    async def expired(self, limit: int) -> list[Job]:
        """Gives up to `limit` ended jobs whose time to be kept is over, the oldest first."""
        reply = cast("list[object]", await self._scripts.call(Script.EXPIRED, limit))
        return [decode_job(decode_fields(job)) for job in reply]

    async def remove(self, job_id: str) -> bool:
        """Forgets an ended job and its pages; False where it has not ended or is unknown.

        Remove its blobs first: afterwards nobody knows of them.
        """
        forgotten = 0
        while True:
            forgotten = cast("int", await self._scripts.call(Script.REMOVE, job_id, forgotten))
            if forgotten <= 0:
                return forgotten < 0

    async def untidied(self, limit: int) -> list[str]:
        """Gives up to `limit` ids of ended jobs whose upload has not been removed yet."""
        with redis_failures():
            found = await self._commands.zrange(keys.UNTIDIED, 0, limit - 1)
        return [job_id.decode() for job_id in found]

    async def mark_tidied(self, job_id: str) -> None:
        """Notes that the upload and the lost results of an ended job are gone."""
        with redis_failures():
            await self._commands.zrem(keys.UNTIDIED, job_id)

    async def uploading(self, job_ids: Sequence[str]) -> set[str]:
        """Gives those of the ids whose upload is noted as coming in."""
        if not job_ids:
            return set()
        with redis_failures():
            notes = await self._commands.mget([keys.intent_key(found) for found in job_ids])
        return {job_id for job_id, note in zip(job_ids, notes, strict=True) if note is not None}

    async def have_ended(self, job_ids: Sequence[str]) -> dict[str, bool]:
        """Tells of each id that belongs to a job whether that job has ended."""
        pipeline = batch(self._redis)
        for job_id in job_ids:
            pipeline.hget(keys.job_key(job_id), "status")
        with redis_failures():
            replies = cast("list[bytes | None]", await pipeline.execute())
        found = zip(job_ids, replies, strict=True)
        return {job_id: JobStatus(reply.decode()) in ENDED for job_id, reply in found if reply}


def unknown_job() -> UnknownJobError:
    """Gives the refusal of an id that stands for no job."""
    return UnknownJobError("There is no job with this id; ended jobs are removed in time.")


def _parse_cursor(cursor: str | None) -> str:
    if cursor is None:
        return "+inf"
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 20):
        raise InvalidOptionError(
            "The cursor is not one that this service gave; leave it out to start from the newest.",
            option="cursor",
        )
    return f"({cursor}"


def _batched(numbers: Iterable[int], most: int) -> Iterator[list[int]]:
    waiting = iter(numbers)
    while found := list(islice(waiting, most)):
        yield found

"""The queue as one object: jobs, page tasks, workers; on Valkey or Redis."""

from __future__ import annotations

from typing import cast

from redis.asyncio import Redis

from ocr_api.errors import StoreSchemaError
from ocr_api.store import keys
from ocr_api.store.failures import redis_failures
from ocr_api.store.jobs import Jobs
from ocr_api.store.lifecycle import Lifecycle
from ocr_api.store.limits import StoreLimits
from ocr_api.store.pages import Pages
from ocr_api.store.scripts import Script, Scripts
from ocr_api.store.workers import Workers


class JobStore(Jobs, Pages, Workers, Lifecycle):
    """Everything that the processes tell each other.

    Every change is one script call on the server, so it happens whole or not at all; times are
    the server's. Any method may raise `StoreUnavailableError` (or `StorageFullError`): nothing is
    retried inside. The client belongs to the caller, who closes it.
    """

    def __init__(self, redis: Redis, limits: StoreLimits) -> None:
        scripts = Scripts(redis, limits)
        Jobs.__init__(self, redis, scripts)
        Pages.__init__(self, scripts)
        Workers.__init__(self, redis, scripts)
        Lifecycle.__init__(self, redis, scripts)

    async def check_schema(self) -> None:
        """Writes the version of the layout into a new queue, and refuses a newer one.

        Raises:
            StoreSchemaError: A newer version of this service wrote the data.
        """
        reply = await self._scripts.call(Script.SCHEMA, keys.SCHEMA_VERSION)
        found = int(cast("bytes", reply))
        if found > keys.SCHEMA_VERSION:
            msg = (
                f"The job queue holds data of layout {found}; this version knows up to "
                f"{keys.SCHEMA_VERSION}. Start the newer version, or use another queue."
            )
            raise StoreSchemaError(msg, found=found, known=keys.SCHEMA_VERSION)

    async def ping(self) -> None:
        """Returns when the server answers; raises `StoreUnavailableError` else."""
        with redis_failures():
            await self._commands.ping()

    async def server_time(self) -> float:
        """Gives the server's clock: seconds since the epoch."""
        with redis_failures():
            seconds, microseconds = await self._commands.time()
        return seconds + microseconds / 1e6

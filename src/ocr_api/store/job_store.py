"""The queue as one object: jobs, page tasks, workers, deliveries; on Valkey or Redis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from redis.asyncio import Redis

from ocr_api.errors import StoreError
from ocr_api.store.deliveries import Deliveries
from ocr_api.store.failures import redis_failures
from ocr_api.store.jobs import Jobs
from ocr_api.store.layout import CURRENT, Layout
from ocr_api.store.lifecycle import Lifecycle
from ocr_api.store.limits import StoreLimits
from ocr_api.store.model_choices import ModelChoices
from ocr_api.store.model_events import ModelEvents
from ocr_api.store.model_turns import ModelTurns
from ocr_api.store.pages import Pages
from ocr_api.store.scripts import Script, Scripts, explain_layout
from ocr_api.store.texts import Texts
from ocr_api.store.workers import Workers

DURABLE: Mapping[str, tuple[str, ...]] = {
    "maxmemory-policy": ("noeviction",),
    "appendonly": ("yes",),
    "appendfsync": ("always", "everysec"),
}
"""Settings of a server that loses nothing, the best value first."""

WHAT_IS_LOST: Mapping[str, str] = {
    "maxmemory-policy": "the server may throw jobs away when its memory is full",
    "appendonly": "jobs are lost when the server restarts",
    "appendfsync": "the last jobs before a power cut are lost",
}


class JobStore(
    Jobs, Pages, Workers, ModelChoices, ModelTurns, ModelEvents, Lifecycle, Deliveries, Texts
):
    """Everything that the processes tell each other.

    Every change is one script call on the server, so it happens whole or not at all; times are
    the server's. Any method may raise `StoreUnavailableError` (or `StorageFullError`): nothing is
    retried inside. The client belongs to the caller, who closes it.
    """

    def __init__(self, redis: Redis, limits: StoreLimits, layout: Layout = CURRENT) -> None:
        scripts = Scripts(redis, limits, layout)
        self._layout = layout
        Jobs.__init__(self, redis, scripts, limits.pages_at_once)
        Pages.__init__(self, scripts)
        Workers.__init__(self, redis, scripts)
        ModelChoices.__init__(self, redis, scripts)
        ModelTurns.__init__(self, redis, scripts)
        ModelEvents.__init__(self, redis, scripts)
        Deliveries.__init__(self, scripts)
        Lifecycle.__init__(self, redis, scripts)
        Texts.__init__(self, redis)

    async def check_schema(self) -> None:
        """Gives a new queue the layout of this release, brings an older one to it, step by step.

        From the first step on, processes of the older layout change nothing any more.

        Raises:
            StoreSchemaError: A newer version of this service wrote the data.
        """
        known = self._layout.version
        found = int(cast("bytes", await self._scripts.call(Script.SCHEMA, known)))
        while found < known:
            found = int(cast("bytes", await self._scripts.call(Script.MIGRATE, found)))
        if found > known:
            raise explain_layout(found, known)

    async def ping(self) -> None:
        """Returns when the server answers; raises `StoreUnavailableError` else."""
        with redis_failures():
            await self._commands.ping()

    async def settings_at_risk(self) -> list[str]:
        """Tells what in an external server's settings could lose jobs; none = all is well."""
        try:
            with redis_failures():
                found = await self._commands.config_get(*DURABLE)
        except StoreError:
            return ["the server does not tell its settings (CONFIG GET); see docs/operations.md"]
        wrong = {name: found.get(name) for name in DURABLE if found.get(name) not in DURABLE[name]}
        return [
            f"{name} is {value}, so that {WHAT_IS_LOST[name]}; set it to {DURABLE[name][0]}"
            for name, value in wrong.items()
        ]

    async def server_time(self) -> float:
        """Gives the server's clock: seconds since the epoch."""
        with redis_failures():
            seconds, microseconds = await self._commands.time()
        return seconds + microseconds / 1e6

"""The stores of a service that runs, for commands that look into them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from ocr_api.errors import StoreUnavailableError
from ocr_api.settings import Settings
from ocr_api.store import (
    Blobs,
    JobStore,
    connect,
    limits_of,
    open_blobs,
    running_server_url,
)


@dataclass(frozen=True, slots=True)
class OpenStores:
    """Open connections.

    Attributes:
        redis: The queue's server.
        store: The queue.
        blobs: Uploads and results.
    """

    redis: Redis
    store: JobStore
    blobs: Blobs


@asynccontextmanager
async def opened_stores(settings: Settings) -> AsyncGenerator[OpenStores]:
    """Gives the stores that the settings name; of `serve`, its embedded server while it runs.

    Raises:
        StoreUnavailableError: No service runs on the data directory, or the server is away.
        StoreSchemaError: A newer version wrote the data.
    """
    url = _address(settings)
    async with connect(url) as redis:
        store = JobStore(redis, limits_of(settings))
        try:
            await store.check_schema()
        except StoreUnavailableError as exc:
            raise (_nothing_runs(settings) if settings.is_store_embedded else exc) from exc
        yield OpenStores(redis, store, await open_blobs(settings.blobs_dir))


def _address(settings: Settings) -> str:
    if not settings.is_store_embedded:
        return settings.redis_address
    url = running_server_url(settings.data_dir)
    if url is None:
        raise _nothing_runs(settings)
    return url


def _nothing_runs(settings: Settings) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"No service runs on the data directory {settings.data_dir.resolve()}. Start "
        "`ocr-api serve`, name another one with --data-dir, or set REDIS_HOST."
    )

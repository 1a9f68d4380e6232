"""The few commands of redis-py used here, with types (its own mix replies with awaitables)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol, TypedDict, cast

from redis.asyncio import Redis

Argument = str | bytes | int | float


class Message(TypedDict):
    """What arrives on a subscription; `data` of a confirmation is a number."""

    type: str
    channel: bytes | None
    data: bytes


class Commands(Protocol):
    """One command, one round trip."""

    async def evalsha(self, sha: str, numkeys: int, *keys_and_args: Argument) -> object: ...  # noqa: D102

    async def eval(self, script: str, numkeys: int, *keys_and_args: Argument) -> object: ...  # noqa: D102

    async def hgetall(self, name: str) -> Mapping[bytes, bytes]: ...  # noqa: D102

    async def hget(self, name: str, key: str) -> bytes | None: ...  # noqa: D102

    async def get(self, name: str) -> bytes | None: ...  # noqa: D102

    async def zrange(self, name: str, start: int, end: int) -> list[bytes]: ...  # noqa: D102

    async def smembers(self, name: str) -> set[bytes]: ...  # noqa: D102

    async def hkeys(self, name: str) -> list[bytes]: ...  # noqa: D102

    async def zrem(self, name: str, value: str) -> int: ...  # noqa: D102

    async def mget(self, keys: list[str]) -> list[bytes | None]: ...  # noqa: D102

    async def lrange(self, name: str, start: int, end: int) -> list[bytes]: ...  # noqa: D102

    async def xrevrange(  # noqa: D102
        self, name: str, highest: str, lowest: str, count: int
    ) -> list[tuple[bytes, Mapping[bytes, bytes]]]: ...

    async def config_get(self, *patterns: str) -> Mapping[str, str]: ...  # noqa: D102

    async def pubsub_numsub(self, *channels: str) -> list[tuple[bytes, int]]: ...  # noqa: D102

    def scan_iter(self, match: str, count: int) -> AsyncIterator[bytes]: ...  # noqa: D102

    async def ping(self) -> object: ...  # noqa: D102

    async def info(self, section: str) -> Mapping[str, object]: ...  # noqa: D102

    async def time(self) -> tuple[int, int]: ...  # noqa: D102


class Batch(Protocol):
    """Commands that are sent together; `execute` gives their replies in order."""

    def hgetall(self, name: str) -> object: ...  # noqa: D102

    def hget(self, name: str, key: str) -> object: ...  # noqa: D102

    def publish(self, channel: str, message: bytes) -> object: ...  # noqa: D102

    async def execute(self) -> list[object]: ...  # noqa: D102


class Subscription(Protocol):
    """One connection that listens to channels."""

    async def subscribe(self, *channels: str) -> None: ...  # noqa: D102

    async def unsubscribe(self, *channels: str) -> None: ...  # noqa: D102

    async def get_message(self, *, timeout: float) -> Message | None: ...  # noqa: ASYNC109, D102

    async def ping(self) -> object: ...  # noqa: D102

    async def aclose(self) -> None: ...  # noqa: D102


def commands(redis: Redis) -> Commands:
    """Gives the same client, typed."""
    return cast("Commands", redis)


def batch(redis: Redis) -> Batch:
    """Gives a new pipeline, without a transaction."""
    return cast("Batch", redis.pipeline(transaction=False))


def subscription(redis: Redis) -> Subscription:
    """Gives a new subscription, not connected yet."""
    return cast("Subscription", cast("_Publisher", redis).pubsub())


class _Publisher(Protocol):
    def pubsub(self) -> object: ...

"""Connections to the queue's server: timeouts set, nothing retried behind our back."""

from __future__ import annotations

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0
_CONNECTIONS = 32
_POOL_WAIT_S = 5.0


def connect(url: str, *, reply_timeout_s: float = REPLY_TIMEOUT_S) -> Redis:
    """Gives a client for `redis://…`, `rediss://…` or `unix:///path`; connects at first use.

    A call is sent once: redis-py would by default repeat a script whose reply came late, which
    could claim two pages. Replies are bytes. At most 32 connections; callers queue for one.
    Close it with `aclose()`, or use it in `async with`.
    """
    return _client(url, reply_timeout_s, _CONNECTIONS)


def connect_listener(url: str) -> Redis:
    """Gives a client whose reads may block for ever, for publish/subscribe."""
    return _client(url, None, 2)


def _client(url: str, reply_timeout_s: float | None, connections: int) -> Redis:
    pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
        url,
        max_connections=connections,
        timeout=_POOL_WAIT_S,
        socket_timeout=reply_timeout_s,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        decode_responses=False,
        protocol=2,
        driver_info=None,  # looking its version up reads files, in the loop, at each connection
    )
    return Redis.from_pool(pool)

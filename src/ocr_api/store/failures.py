"""What the server's and the object store's errors mean to us."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ocr_api.errors import StorageFullError, StoreError, StoreUnavailableError

_REFUSALS = (
    "OOM",
    "READONLY",
    "LOADING",
    "MISCONF",
    "NOREPLICAS",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "BUSY",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
)
"""First words of answers by which a server that can be reached refuses for now."""

_NO_ROOM = ("No space left on device", "Disk quota exceeded")
_NO_ROOM_CODES = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def redis_failures() -> Generator[None]:
    """Turns errors of redis-py into ours.

    Raises:
        StoreUnavailableError: The queue cannot be reached, or refuses for now.
        StorageFullError: The queue has no room on its disk.
        StoreError: The queue answered something unforeseen.
    """
    try:
        yield
    except RedisError as exc:
        raise explain_redis(exc) from exc
    except OSError as exc:
        raise _unreachable() from exc


def explain_redis(error: RedisError) -> StoreError:
    """Gives our error for one of redis-py's; the text of foreign errors stays in its cause."""
    text = str(error)
    if any(sign in text for sign in _NO_ROOM):
        return StorageFullError("The job queue has no room on its disk; free some space.")
    if isinstance(error, (RedisConnectionError, RedisTimeoutError)):
        return _unreachable()
    if _is_refusal(error):
        return StoreUnavailableError(
            "The job queue refuses requests for now; its server's log tells why."
        )
    return StoreError("The job queue gave an answer that was not foreseen; see the log.")


def explain_blob(error: Exception, key: str) -> StoreError:
    """Gives our error for one of the object store's (an OSError, or obstore's, which is text)."""
    text = str(error)
    is_full = isinstance(error, OSError) and error.errno in _NO_ROOM_CODES
    if is_full or any(sign in text for sign in _NO_ROOM):
        return StorageFullError("The object store has no room; free some space.", key=key)
    return StoreUnavailableError(
        "The object store cannot be read or written; check its folder or its address.", key=key
    )


def _unreachable() -> StoreUnavailableError:
    return StoreUnavailableError("The job queue cannot be reached; trying again may help.")


def _is_refusal(error: RedisError) -> bool:
    """Tells whether a server that can be reached just will not; redis-py cuts some words off."""
    has_class = isinstance(error, ResponseError) and type(error) is not ResponseError
    return has_class or str(error).startswith(_REFUSALS)

"""What became of models: each load, unload and switch, kept for people who ask later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from redis.asyncio import Redis

from ocr_api.store import keys
from ocr_api.store.commands import commands
from ocr_api.store.failures import redis_failures
from ocr_api.store.records import decode_fields
from ocr_api.store.scripts import Script, Scripts

_READ_AT_ONCE = 500
_CURSOR = re.compile(r"\d{1,20}-\d{1,20}")


class ModelEventKind(StrEnum):
    """What happened."""

    LOAD = "load"
    LOAD_FAILED = "load_failed"
    UNLOAD = "unload"
    SWITCH = "switch"
    ROLLBACK = "rollback"


class ModelWhy(StrEnum):
    """What it happened for."""

    SWITCH = "switch"
    WISH = "wish"
    SCHEDULER = "scheduler"
    PRELOAD = "preload"
    PAGE = "page"
    KEEP_ALIVE = "keep_alive"
    MEMORY = "memory"
    FAILURE = "failure"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class ModelEvent:
    """Something that became of a model.

    Attributes:
        kind: What.
        model: Of a rollback, the one that could not be loaded.
        why: What it happened for.
        worker: Where; empty for switches and rollbacks, which hold everywhere.
        duration_s: How long it took; None = it has no length.
        memory_mib: What one instance takes, or took; None = unknown.
        detail: What else there is to know, for people.
        previous: Of a switch, the model that was current before; of a rollback, the one that is
            current again.
        by: Who switched: the name of the API key, or the address where none is asked for.
        at: Seconds since the epoch by the server's clock; set by the store.
        id: Of the event, growing; set by the store.
    """

    kind: str
    model: str
    why: str
    worker: str = ""
    duration_s: float | None = None
    memory_mib: int | None = None
    detail: str = ""
    previous: str | None = None
    by: str = ""
    at: float = 0.0
    id: str = ""


@dataclass(frozen=True, slots=True)
class ModelEventList:
    """A stretch of the events, newest first; `next_cursor` is None at the end."""

    events: tuple[ModelEvent, ...]
    next_cursor: str | None


def is_event_cursor(text: str) -> bool:
    """Tells whether a text may have been a `next_cursor`."""
    return _CURSOR.fullmatch(text) is not None


class ModelEvents:
    """The part of the store about what became of models.

    The latest 10,000 events are kept, and some more. Switches and rollbacks are written by the
    very calls that make them.
    """

    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._commands = commands(redis)
        self._scripts = scripts

    async def add_model_event(
        self, event: ModelEvent, token: str, *, age_s: float = 0.0, is_again: bool = False
    ) -> None:
        """Keeps an event.

        Args:
            event: Without time and id.
            token: Unique to it.
            age_s: Seconds since it happened.
            is_again: An earlier call may have kept it already; then it is not kept twice.
        """
        told = {
            "worker": event.worker,
            "duration_s": event.duration_s,
            "memory_mib": event.memory_mib,
            "detail": event.detail,
            "token": token,
        }
        pairs = [item for pair in told.items() if pair[1] not in (None, "") for item in pair]
        await self._scripts.call(
            Script.MODEL_EVENT,
            *(event.kind, event.model, event.why, max(0.0, age_s), int(is_again), token),
            *(str(item) for item in pairs),
        )

    async def model_events(
        self, *, limit: int, model: str | None = None, cursor: str | None = None
    ) -> ModelEventList:
        """Gives events, newest first.

        Args:
            limit: How many at most.
            model: Only of this one; None = of all.
            cursor: `next_cursor` of an earlier list, to go on there.
        """
        found: list[ModelEvent] = []
        before = cursor
        while True:
            highest = "+" if before is None else f"({before}"
            with redis_failures():
                entries = await self._commands.xrevrange(
                    keys.MODEL_EVENTS, highest, "-", _READ_AT_ONCE
                )
            for entry_id, fields in entries:
                event = _event(entry_id.decode(), decode_fields(fields))
                before = event.id
                if model in (None, event.model):
                    found.append(event)
                if len(found) == limit:
                    return ModelEventList(tuple(found), before)
            if len(entries) < _READ_AT_ONCE:
                return ModelEventList(tuple(found), None)


def _event(entry_id: str, fields: Mapping[str, str]) -> ModelEvent:
    duration_s, memory_mib = fields.get("duration_s"), fields.get("memory_mib")
    return ModelEvent(
        kind=fields["kind"],
        model=fields["model"],
        why=fields["why"],
        worker=fields.get("worker", ""),
        duration_s=None if duration_s is None else float(duration_s),
        memory_mib=None if memory_mib is None else int(memory_mib),
        detail=fields.get("detail", ""),
        previous=fields.get("previous"),
        by=fields.get("by", ""),
        at=float(fields["at"]),
        id=entry_id,
    )

"""The Lua scripts: loaded from the package, given the tables of states, called by name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import TypeVar

import anyio.to_thread
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

from ocr_api.errors import (
    AttemptsExhaustedError,
    ChildDiedError,
    ModelDoesNotFitError,
    ModelLoadError,
    ModelUnavailableError,
    OcrApiError,
    PageTimeoutError,
    StoreSchemaError,
    StoreUnavailableError,
    WeightsBrokenError,
    WeightsDownloadError,
)
from ocr_api.jobs import JOB_TRANSITIONS, PAGE_TRANSITIONS
from ocr_api.jobs.fairness import ARRIVAL_STEP, CLASS_BASES, PAGE_STEP, STRIDES
from ocr_api.store import keys
from ocr_api.store.commands import Argument, commands
from ocr_api.store.failures import redis_failures
from ocr_api.store.layout import CURRENT, Layout
from ocr_api.store.limits import StoreLimits

_WARNINGS_BYTES = 64 * 1024
"""A job's warnings beyond this are dropped (they are read with every look at the job)."""

_DELIVERIES_PER_RECEIVER = 4
"""On their way at a time to one receiver that took its latest one, however many notifiers there
are; to any other it is one."""

_TRIES_KEPT = 20
"""The latest tries of a delivery that its log holds."""

_LOAD_ERRORS: tuple[type[OcrApiError], ...] = (
    ChildDiedError,
    ModelDoesNotFitError,
    ModelLoadError,
    ModelUnavailableError,
    WeightsBrokenError,
    WeightsDownloadError,
)
"""What a page fails with where its model cannot be loaded."""

_OTHER_LAYOUT = re.compile(r"OCRLAYOUT (\d+)")

_Status = TypeVar("_Status", bound=StrEnum)
_Event = TypeVar("_Event", bound=StrEnum)


class Script(StrEnum):
    """Every script: the name of its file in `lua/`."""

    CREATE = "create"
    CLAIM = "claim"
    OPEN = "open"
    ADMIT = "admit"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"
    DROP = "drop"
    RETRY = "retry"
    RENEW = "renew"
    ROUTE = "route"
    UNROUTE = "unroute"
    FINISH = "finish"
    FAIL = "fail"
    RELEASE = "release"
    RECLAIM = "reclaim"
    LIST = "list"
    EXPIRED = "expired"
    REMOVE = "remove"
    REPORT = "report"
    REPORTS = "reports"
    SWITCH_MODEL = "switch_model"
    SETTLE_SWITCH = "settle_switch"
    FALL_BACK = "fall_back"
    RELANE = "relane"
    WISH_MODEL = "wish_model"
    MODEL_EVENT = "model_event"
    TAKE_TURN = "take_turn"
    QUEUE_LENGTHS = "queue_lengths"
    SCHEMA = "schema"
    MIGRATE = "migrate"
    DELIVERY_CLAIM = "delivery_claim"
    DELIVERY_KEEP = "delivery_keep"
    DELIVERY_SETTLE = "delivery_settle"
    DELIVERY_RECLAIM = "delivery_reclaim"
    DELIVERY_SHOW = "delivery_show"
    DELIVERY_AGAIN = "delivery_again"


@dataclass(frozen=True, slots=True)
class _Loaded:
    text: str
    digest: str


class Scripts:
    """Calls the scripts on one server; each call is one round trip, sent once."""

    def __init__(self, redis: Redis, limits: StoreLimits, layout: Layout = CURRENT) -> None:
        self._commands = commands(redis)
        self._layout = layout
        self._limits = limits
        self._loaded: Mapping[Script, _Loaded] = {}

    async def call(self, script: Script, *arguments: Argument) -> object:
        """Runs a script and gives its reply: int, bytes, None or lists of these.

        Raises:
            StoreUnavailableError: The server cannot be reached or refuses; whether the script
                ran is then unknown.
            StorageFullError: The server has no room on its disk.
            StoreSchemaError: The data has a newer layout; nothing was changed.
        """
        if not self._loaded:
            self._loaded = await anyio.to_thread.run_sync(_load_all, self._limits, self._layout)
        loaded = self._loaded[script]
        with redis_failures():
            try:
                return await self._run(loaded, *arguments)
            except ResponseError as exc:
                if (other := _OTHER_LAYOUT.search(str(exc))) is None:
                    raise
                raise explain_layout(int(other[1]), self._layout.version) from exc

    async def _run(self, loaded: _Loaded, *arguments: Argument) -> object:
        try:
            return await self._commands.evalsha(loaded.digest, 1, keys.SCHEMA, *arguments)
        except NoScriptError:
            return await self._commands.eval(loaded.text, 1, keys.SCHEMA, *arguments)


def explain_layout(found: int, known: int) -> StoreSchemaError | StoreUnavailableError:
    """Gives the error for data of another layout than a process knows."""
    if found < known:
        msg = f"The job queue's data of layout {found} is being brought to layout {known}."
        return StoreUnavailableError(msg, found=found, known=known)
    msg = (
        f"The job queue holds data of layout {found}; this version knows up to {known}. "
        "Start the newer version, or use another queue."
    )
    return StoreSchemaError(msg, found=found, known=known)


def _load_all(limits: StoreLimits, layout: Layout) -> dict[Script, _Loaded]:
    """Reads the scripts from the package; blocking, therefore not done when a store is made."""
    shared = _preamble(limits, layout) + _read("common")
    guard = _read("guard")
    before = {Script.SCHEMA: "", Script.MIGRATE: _steps(layout)}
    return {
        script: _load(shared + before.get(script, guard) + _read(script.value)) for script in Script
    }


def _load(text: str) -> _Loaded:
    return _Loaded(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _read(name: str) -> str:
    return (resources.files("ocr_api.store") / "lua" / f"{name}.lua").read_text("utf-8")


def _preamble(limits: StoreLimits, layout: Layout) -> str:
    """Writes Python's tables down as Lua's, so that there is one of each."""
    numbers = {
        "layout": layout.version,
        "lease_s": limits.lease_s,
        "max_attempts": limits.max_attempts,
        "result_ttl_s": limits.result_ttl_s,
        "warnings_bytes": _WARNINGS_BYTES,
        "pages_at_once": limits.pages_at_once,
        "deliveries_per_receiver": _DELIVERIES_PER_RECEIVER,
        "tries_kept": _TRIES_KEPT,
        "model_events_kept": limits.model_events_kept,
        "ends_told": keys.ENDS_TOLD,
        "page_timeout_s": limits.page_timeout_s,
        "max_queued_jobs": limits.max_queued_jobs,
        "page_step": PAGE_STEP,
        "arrival_step": ARRIVAL_STEP,
    }
    backoff = ", ".join(str(float(wait)) for wait in limits.retry_backoff_s)
    exhausted = _quote(json.dumps(_exhausted_problem()))
    timeout = _quote(json.dumps(_timeout_problem()))
    timeouts = {model: str(value) for model, value in limits.model_timeouts_s.items()}
    return "\n".join(
        (
            _lua_table("KEY", {name: _quote(key) for name, key in keys.lua_names().items()}),
            _lua_table("JOB_AFTER", _transitions(JOB_TRANSITIONS)),
            _lua_table("PAGE_AFTER", _transitions(PAGE_TRANSITIONS)),
            _lua_table("LIMIT", {name: str(value) for name, value in numbers.items()}),
            f"LIMIT.backoff_s = {{ {backoff} }}",
            _lua_table("MODEL_TIMEOUT_S", timeouts),
            _lua_table("LOAD_PROBLEMS", {error.code: "true" for error in _LOAD_ERRORS}),
            f"LIMIT.delivery_id = {_quote(keys.DELIVERY_ID)}",
            f"LIMIT.exhausted_problem = {exhausted}",
            f"LIMIT.timeout_problem = {timeout}",
            f"local CLASSES = {{ {_classes()} }}\n",
        )
    )


def _steps(layout: Layout) -> str:
    """Writes the steps between layouts down as functions, by the version they start from."""
    steps = (f"[{version}] = function()\n{text}\nend" for version, text in layout.steps.items())
    return f"local STEPS = {{ {', '.join(steps)} }}\n"


def _transitions(table: Mapping[tuple[_Status, _Event], _Status]) -> dict[str, str]:
    return {f"{status}:{event}": _quote(after) for (status, event), after in table.items()}


def _classes() -> str:
    """Writes the priorities down, the most urgent first; ranks as text, which Lua keeps exact."""
    rows = [
        _inline_table(
            {"name": _quote(name), "base": _quote(str(base)), "stride": str(STRIDES[name])}
        )
        for name, base in CLASS_BASES.items()
    ]
    return ", ".join(rows)


def _inline_table(entries: Mapping[str, str]) -> str:
    return f"{{ {', '.join(f'{name} = {value}' for name, value in entries.items())} }}"


def _lua_table(name: str, entries: Mapping[str, str]) -> str:
    rows = ", ".join(f"[{_quote(key)}] = {value}" for key, value in entries.items())
    return f"local {name} = {{ {rows} }}"


def _quote(text: str) -> str:
    """Gives a Lua string literal; JSON's escapes are Lua's for the ASCII text that is used here."""
    return json.dumps(text)


def _timeout_problem() -> dict[str, object]:
    return {
        "code": PageTimeoutError.code,
        "retryable": PageTimeoutError.retryable,
        "detail": (
            "The attempts at the page took longer together than a page may take (JOB_TIMEOUT; "
            "CPU_MODEL_TIMEOUT for a model without its GPU); the last one told why it failed in "
            "the worker's log."
        ),
    }


def _exhausted_problem() -> dict[str, object]:
    return {
        "code": AttemptsExhaustedError.code,
        "retryable": AttemptsExhaustedError.retryable,
        "detail": (
            "The page was started as often as is allowed, and each time its worker stopped "
            "before the end; it may need more memory than there is."
        ),
    }

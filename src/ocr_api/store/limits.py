"""The store's limits and the plain values that it hands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ocr_api.jobs import Job
from ocr_api.store import keys


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How long and how often.

    Attributes:
        lease_s: How long a claim lasts without renewal.
        max_attempts: Charged claims of a page before it is given up, at least 1.
        result_ttl_s: How long an ended job and its results are kept.
        page_timeout_s: Seconds of work that a page may take, its failed attempts together.
        model_timeouts_s: In place of `page_timeout_s`, by model id: for models that are slower
            where this process runs.
        max_queued_jobs: Jobs that have not ended; more are refused.
        retry_backoff_s: Waits before the second, third, ... attempt; the last one repeats.
        pages_at_once: Page tasks that one script call makes, removes or reads: bounds how long a
            document of thousands of pages keeps the server.
        model_events_kept: Loads, unloads and switches that are remembered; the server drops older
            ones in blocks, so it is some more.
    """

    lease_s: float = 30.0
    max_attempts: int = 3
    result_ttl_s: int = 24 * 3600
    page_timeout_s: float = 300.0
    model_timeouts_s: Mapping[str, float] = field(default_factory=dict[str, float])
    max_queued_jobs: int = 200_000
    retry_backoff_s: tuple[float, ...] = (0.3, 2.0)
    pages_at_once: int = 500
    model_events_kept: int = 10_000


class LimitSettings(Protocol):
    """The settings that limit the store, under the names that users know."""

    @property
    def lease_seconds(self) -> float: ...  # noqa: D102

    @property
    def max_attempts(self) -> int: ...  # noqa: D102

    @property
    def job_result_ttl(self) -> int: ...  # noqa: D102

    @property
    def job_timeout(self) -> float: ...  # noqa: D102

    @property
    def max_queued_jobs(self) -> int: ...  # noqa: D102


def limits_of(settings: LimitSettings) -> StoreLimits:
    """Gives the limits that settings name, the same for every process."""
    return StoreLimits(
        lease_s=settings.lease_seconds,
        max_attempts=settings.max_attempts,
        result_ttl_s=settings.job_result_ttl,
        page_timeout_s=settings.job_timeout,
        max_queued_jobs=settings.max_queued_jobs,
    )


class FailOutcome(StrEnum):
    """What became of a page whose attempt failed."""

    RETRY = "retry"
    FAILED = "failed"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class JobList:
    """A stretch of the list of jobs, newest first; `next_cursor` is None at the end."""

    jobs: tuple[Job, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What one worker says about one model.

    Attributes:
        reason: Why the model cannot run there; empty = it can.
        loaded: Instances in memory.
        status: One word for people, e.g. `ready` or `loading`.
        memory_mib: The most that one instance was seen to take; None = unknown.
        device: Where it was loaded; None = it never was.
        quantization: With which it was loaded; None = it has none, or never was.
        message: What else there is to know, e.g. why it could not be loaded lately.
        done_bytes: Of its weights that are being fetched; None = none are.
        total_bytes: Of its weights; None = not known yet.
        followed: Number of the latest switch or wish about it that was carried out.
        refusal: Why that failed; empty = it did not.
        verified: `make verify-weights` read pages with the very weights that it has or would load.
        slow: It is made for a GPU, and runs on the processor there.
        refuses: Its pages fail at once there, for now: it fits not even alone, or its loads keep
            failing. Where it merely `failed`, they wait for the next try.
    """

    reason: str = ""
    loaded: int = 0
    status: str = "ready"
    memory_mib: int | None = None
    device: str | None = None
    quantization: str | None = None
    message: str = ""
    done_bytes: int | None = None
    total_bytes: int | None = None
    followed: int = 0
    refusal: str = ""
    verified: bool = False
    slow: bool = False
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class ModelTurn:
    """A change of what a worker has in memory.

    Attributes:
        worker: Its id.
        model: The model that is loaded.
        evicts: Another model leaves for it.
    """

    worker: str
    model: str
    evicts: bool

    def __str__(self) -> str:
        """Gives it as the store keeps it."""
        return f"{int(self.evicts)} {self.worker} {self.model}"


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker says about itself in each heartbeat.

    Attributes:
        id: Of the worker process.
        host: Name of its machine.
        pid: Process id there.
        version: Of this package.
        models: By model id.
        busy_pages: Pages it works on.
        layout: Of the data that it knows.
        seen_at: When the report arrived, seconds since the epoch by the server's clock; set by
            the store.
    """

    id: str
    host: str = ""
    pid: int = 0
    version: str = ""
    models: Mapping[str, ModelReport] = field(default_factory=dict[str, ModelReport])
    busy_pages: int = 0
    layout: int = keys.SCHEMA_VERSION
    seen_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Serving:
    """What serves jobs that name no model, as somebody saw it.

    Attributes:
        requested: The current model, or the configured default.
        model: What serves in its name: itself, or the fallback.
    """

    requested: str
    model: str


@dataclass(frozen=True, slots=True)
class SwitchFailure:
    """The latest switch that was taken back, since nobody could load its model.

    Attributes:
        model: That was switched to.
        number: Of the switch.
        reason: Why it could not be loaded.
        at: When it was taken back: seconds since the epoch by the server's clock.
    """

    model: str
    number: int
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class CurrentModel:
    """The default model as chosen at run time.

    Attributes:
        model: What jobs without a model get.
        previous: What they got before.
        changed_at: Seconds since the epoch by the server's clock.
        number: Of the switch; each further one has a higher number.
        is_settled: It was loaded somewhere since, or need not be; else it may be taken back.
        failure: The latest switch that was taken back.
    """

    model: str
    previous: str | None
    changed_at: float
    number: int = 0
    is_settled: bool = True
    failure: SwitchFailure | None = None


class ModelAction(StrEnum):
    """What is to be done with a model."""

    LOAD = "load"
    UNLOAD = "unload"


@dataclass(frozen=True, slots=True)
class ModelWish:
    """The latest wish about a model.

    Attributes:
        model: Which.
        action: What is to be done with it.
        number: Grows with each wish and each switch: microseconds since the epoch, about.
    """

    model: str
    action: ModelAction
    number: int

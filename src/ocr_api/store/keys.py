"""Every key and channel of the queue, built here and nowhere else.

All carry the hash tag `{ocr}`, so that one script may touch several of them in a cluster.
"""

from __future__ import annotations

SCHEMA_VERSION = 1
"""Version of the layout below; data of a newer one is refused at start."""

SCHEMA = "{ocr}:schema"
"""String: the version of the layout that wrote the data."""

SEQUENCE = "{ocr}:sequence"
"""String: the last rank given to a job; grows for ever, about microseconds since the epoch."""

JOB = "{ocr}:job:"
"""Prefix + job id. Hash: one job."""

PAGE = "{ocr}:page:"
"""Prefix + job id + `:` + page number. Hash: one page task; number 0 = opening the document."""

DOCUMENT_KEY = "{ocr}:secret:"
"""Prefix + job id. String: the password of the job's document, from its creation to its end."""

JOBS = "{ocr}:jobs"
"""Sorted set of job ids by rank (order of creation)."""

OWNER_JOBS = "{ocr}:jobs:owner:"
"""Prefix + owner. Sorted set like `JOBS`, of one API key's jobs; those of nobody have none."""

READY = "{ocr}:ready:"
"""Prefix + model lane. Sorted set of page tasks by rank: the lowest is claimed next."""

LANES = "{ocr}:lanes"
"""Set of the model lanes that ever had a page."""

DELAYED = "{ocr}:delayed"
"""Sorted set of page tasks that wait for their next attempt, by the time they are due."""

LEASES = "{ocr}:leases"
"""Sorted set of claimed page tasks by the time their lease expires."""

ENDED = "{ocr}:ended"
"""Sorted set of ended job ids by the time they are to be removed."""

UNTIDIED = "{ocr}:untidied"
"""Sorted set of ended job ids whose upload and lost results still lie about, by time of end."""

FAIR = "{ocr}:fair"
"""Hash: where the clocks of fair shares stand (see `jobs/fairness.py`)."""

EVENTS = "{ocr}:events:"
"""Prefix + job id. List: what happened to a job, as JSON; the place in it is the event's id."""

IDEMPOTENCY = "{ocr}:idempotency:"
"""Prefix + digest. Hash: the job that a caller's Idempotency-Key stands for, and of what."""

INTENT = "{ocr}:intent:"
"""Prefix + job id. Short-lived string: its upload is coming in, the sweeper leaves it alone."""

OUTBOX = "{ocr}:outbox"
"""Sorted set of receivers (scheme, host and port) that have deliveries waiting and hands free, by
the time when the earliest is due."""

OUTBOX_LANE = "{ocr}:outbox:lane:"
"""Prefix + receiver. Sorted set of its waiting deliveries by the time when they are due."""

OUTBOX_BUSY = "{ocr}:outbox:busy:"
"""Prefix + receiver. Set of the deliveries that are on their way to it."""

OUTBOX_QUICK = "{ocr}:outbox:quick"
"""Set of the receivers that took the latest delivery to them, and have more waiting."""

DELIVERY = "{ocr}:delivery:"
"""Prefix + delivery id. Hash: one event on its way to a webhook."""

DELIVERY_LOG = "{ocr}:delivery-log:"
"""Prefix + delivery id. List of its latest tries (JSON), the oldest first."""

DELIVERY_LEASES = "{ocr}:delivery-leases"
"""Sorted set of claimed deliveries by the time their lease expires."""

DELIVERY_ID = "msg_"
"""Prefix + job id: the id of the delivery of a job's end, and its `webhook-id`. Where a job ends
again, because it was started again, `-2`, `-3`, ... follows."""

ENDS_TOLD = 10
"""Ends of one job that are told at most."""

WORKER_REPORTS = "{ocr}:workers"
"""Hash: worker id to its last report (JSON)."""

WORKERS_SEEN = "{ocr}:workers:seen"
"""Sorted set of worker ids by the time of their last report."""

WORKERS_LIVE = "{ocr}:workers:live"
"""Sorted set of worker ids by the time until which their report counts."""

CURRENT_MODEL = "{ocr}:model"
"""Hash: the default model chosen at run time, whether it was loaded, and the last failed switch."""

MODEL_WISHES = "{ocr}:model-wishes"
"""Hash: model to the latest wish that it be loaded or unloaded: `<number> load|unload`. The number
is taken from `SEQUENCE`, so it grows and tells the time."""

MODEL_TURNS = "{ocr}:model-turns"
"""Sorted set of workers that change what they have in memory (`<1 where a model leaves for it, else
0> <worker> <model>`), by the time until which their turn lasts."""

MODEL_EVENTS = "{ocr}:model-events"
"""Stream, capped: each load, unload and switch of a model, with its time and why."""

JOB_NEWS = "{ocr}:news:job"
"""Channel: the id of a job that changed."""

STOP_NEWS = "{ocr}:news:stop"
"""Channel: the id of a job whose work is to stop."""

TEXT_NEWS = "{ocr}:news:text:"
"""Prefix + job id. Channel: the text of one of its pages so far (JSON)."""

PAGE_NEWS = "{ocr}:news:page"
"""Channel: the lane in which a page became ready."""

MODEL_NEWS = "{ocr}:news:model"
"""Channel: `orders` where a switch or a wish came or was decided, `reports` where a worker tells
something new of its models."""

DELIVERY_NEWS = "{ocr}:news:delivery"
"""Channel: the receiver for which a delivery was queued."""


def job_key(job_id: str) -> str:
    """Gives the key of a job's hash."""
    return JOB + job_id


def page_key(job_id: str, number: int) -> str:
    """Gives the key of a page task's hash; pages count from 1, and 0 opens the document."""
    return f"{PAGE}{job_id}:{number}"


def secret_key(job_id: str) -> str:
    """Gives the key of a password that a job's document needs."""
    return DOCUMENT_KEY + job_id


def events_key(job_id: str) -> str:
    """Gives the key of a job's list of events."""
    return EVENTS + job_id


def intent_key(job_id: str) -> str:
    """Gives the key that announces an upload in progress."""
    return INTENT + job_id


def text_channel(job_id: str) -> str:
    """Gives the channel of the text that is generated for a job."""
    return TEXT_NEWS + job_id


def delivery_ids(job_id: str) -> list[str]:
    """Gives every id that a delivery of a job may have, in order."""
    further = [f"{DELIVERY_ID}{job_id}-{number}" for number in range(2, ENDS_TOLD + 1)]
    return [DELIVERY_ID + job_id, *further]


def lua_names() -> dict[str, str]:
    """Gives the names under which the scripts know keys, prefixes and channels."""
    return {
        "schema": SCHEMA,
        "sequence": SEQUENCE,
        "job": JOB,
        "page": PAGE,
        "secret": DOCUMENT_KEY,
        "jobs": JOBS,
        "owner_jobs": OWNER_JOBS,
        "ready": READY,
        "lanes": LANES,
        "delayed": DELAYED,
        "leases": LEASES,
        "ended": ENDED,
        "untidied": UNTIDIED,
        "intent": INTENT,
        "outbox": OUTBOX,
        "outbox_lane": OUTBOX_LANE,
        "outbox_busy": OUTBOX_BUSY,
        "outbox_quick": OUTBOX_QUICK,
        "delivery": DELIVERY,
        "delivery_log": DELIVERY_LOG,
        "delivery_leases": DELIVERY_LEASES,
        "delivery_news": DELIVERY_NEWS,
        "fair": FAIR,
        "events": EVENTS,
        "idempotency": IDEMPOTENCY,
        "worker_reports": WORKER_REPORTS,
        "workers_seen": WORKERS_SEEN,
        "workers_live": WORKERS_LIVE,
        "current_model": CURRENT_MODEL,
        "model_wishes": MODEL_WISHES,
        "model_turns": MODEL_TURNS,
        "model_events": MODEL_EVENTS,
        "job_news": JOB_NEWS,
        "model_news": MODEL_NEWS,
        "page_news": PAGE_NEWS,
        "stop_news": STOP_NEWS,
    }

"""Where a job's blobs lie: built from ids that this service made, never from file names."""

from __future__ import annotations

import re

UPLOADS = "uploads"
RESULTS = "results"
WEBHOOKS = "webhooks"

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_AFTER_ID = re.compile(r"[.#]")  # `.page.attempt.json`, or `#1` of a file that is still written


def upload_key(job_id: str) -> str:
    """Gives the key of a job's upload; raises `ValueError` for an id that is not URL-safe."""
    return f"{UPLOADS}/{_checked(job_id)}"


def result_key(job_id: str, page: int, attempt: int) -> str:
    """Gives the key under which one attempt at a page (from 1) leaves its result.

    The attempt is in the key, so a stale worker's result never overwrites the committed one.
    """
    return f"{RESULTS}/{_checked(job_id)}.{page}.{attempt}.json"


def webhook_body_key(delivery_id: str, attempt: int) -> str:
    """Gives the key under which one attempt at a delivery keeps the body that all later ones send.

    The attempt is in the key, so a stale notifier never overwrites the committed one.
    """
    return f"{WEBHOOKS}/{_checked(delivery_id)}.{attempt}.json"


def delivery_id_of(key: str) -> str | None:
    """Gives the delivery that a body belongs to; None for a key that was not built here."""
    folder, _, name = key.partition("/")
    delivery_id = _AFTER_ID.split(name, maxsplit=1)[0]
    is_ours = folder == WEBHOOKS and _JOB_ID.fullmatch(delivery_id) is not None
    return delivery_id if is_ours else None


def job_id_of(key: str) -> str | None:
    """Gives the job that a blob belongs to; None for a key that was not built here."""
    folder, _, name = key.partition("/")
    job_id = _AFTER_ID.split(name, maxsplit=1)[0]
    is_ours = folder in {UPLOADS, RESULTS} and _JOB_ID.fullmatch(job_id) is not None
    return job_id if is_ours else None


def _checked(job_id: str) -> str:
    if _JOB_ID.fullmatch(job_id) is None:
        msg = f"a job id of other characters than A-Z a-z 0-9 _ - : {job_id!r}"
        raise ValueError(msg)
    return job_id

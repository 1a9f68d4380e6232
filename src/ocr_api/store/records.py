"""The stored forms: jobs and pages as hashes, problems and reports as JSON, results as blobs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import TypeAdapter

from ocr_api.jobs import (
    Delivery,
    DeliveryState,
    DeliveryTry,
    Job,
    JobOptions,
    JobStatus,
    MediaType,
    PageRanges,
    PageRecord,
    PageResult,
    PageStatus,
    Priority,
    Problem,
)
from ocr_api.store.limits import WorkerReport

Fields = Mapping[str, str]
"""A hash as the server holds it, decoded."""

# Built at import: building the first one reads files, which must not happen in an event loop.
_OPTIONS = TypeAdapter(JobOptions)
_TRY = TypeAdapter(DeliveryTry)
_REPORT = TypeAdapter(WorkerReport)
_RESULT = TypeAdapter(PageResult)


def decode_fields(reply: object) -> dict[str, str]:
    """Gives a hash from a reply: redis-py's mapping or a script's list; empty = no key."""
    if isinstance(reply, Mapping):
        pairs = cast("Mapping[bytes, bytes]", reply).items()
        return {name.decode(): value.decode() for name, value in pairs}
    flat = cast("list[bytes]", reply)
    return {flat[at].decode(): flat[at + 1].decode() for at in range(0, len(flat), 2)}


def encode_job(job: Job) -> dict[str, str]:
    """Gives the fields with which a job is created; times and counts of progress start afresh."""
    fields = {
        "id": job.id,
        "model": job.model,
        "requested_model": job.requested_model,
        "model_is_default": str(int(job.model_is_default)),
        "media_type": job.media_type.value,
        "size_bytes": str(job.size_bytes),
        "upload_key": job.upload_key,
        "owner": job.owner,
        "has_password": str(int(job.has_password)),
        "priority": job.priority.value,
        "status": JobStatus.PENDING.value,
        "options": _OPTIONS.dump_json(job.options).decode(),
        "warnings": dump_texts(job.warnings),
        "pages_done": "0",
        "pages_failed": "0",
        "attempts": "0",
    }
    if job.options.webhook_url is not None:
        fields["webhook_url"] = job.options.webhook_url  # again, where scripts find it
    return fields if job.filename is None else {**fields, "filename": job.filename}


def decode_job(fields: Fields) -> Job:
    """Gives the job that a hash holds; fields of newer versions are passed over."""
    return Job(
        id=fields["id"],
        model=fields["model"],
        requested_model=fields["requested_model"],
        model_is_default=fields["model_is_default"] == "1",
        media_type=MediaType(fields["media_type"]),
        size_bytes=int(fields["size_bytes"]),
        upload_key=fields["upload_key"],
        filename=fields.get("filename"),
        owner=fields["owner"],
        has_password=fields.get("has_password") == "1",
        priority=Priority(fields.get("priority", Priority.NORMAL)),
        options=_OPTIONS.validate_json(fields["options"]),
        status=JobStatus(fields["status"]),
        created_at=float(fields["created_at"]),
        updated_at=float(fields["updated_at"]),
        started_at=_optional_time(fields, "started_at"),
        finished_at=_optional_time(fields, "finished_at"),
        expires_at=_optional_time(fields, "expires_at"),
        pages_total=int(fields["pages_total"]) if "pages_total" in fields else None,
        pages=_pages(fields),
        pages_done=int(fields["pages_done"]),
        pages_failed=int(fields["pages_failed"]),
        pages_retryable=int(fields.get("pages_retryable", "0")),
        attempts=int(fields["attempts"]),
        problem=_optional_problem(fields),
        warnings=tuple(json.loads(fields["warnings"])),
    )


def decode_page(number: int, fields: Fields) -> PageRecord:
    """Gives the page task that a hash holds."""
    return PageRecord(
        number=number,
        status=PageStatus(fields["status"]),
        model=fields["model"],
        attempt=int(fields["attempt"]),
        charged=int(fields["charged"]),
        result_key=fields.get("result_key"),
        problem=_optional_problem(fields),
    )


def decode_delivery(fields: Fields, tries: Sequence[bytes] = ()) -> Delivery:
    """Gives the delivery that a hash holds, with its log where that was read too."""
    return Delivery(
        id=fields["id"],
        job_id=fields["job_id"],
        job_status=JobStatus(fields["job_status"]),
        url=fields["url"],
        state=DeliveryState(fields["state"]),
        filename=fields.get("filename"),
        created_at=float(fields["created_at"]),
        due_at=_optional_time(fields, "due_at"),
        attempt=int(fields["attempt"]),
        tried=int(fields["tried"]),
        claimed_at=_optional_time(fields, "claimed_at"),
        ended_at=_optional_time(fields, "ended_at"),
        body_key=fields.get("body_key"),
        owner=fields["owner"],
        tries=tuple(_TRY.validate_json(found) for found in tries),
    )


def encode_try(made: DeliveryTry) -> bytes:
    """Gives a try at a delivery as JSON."""
    return _TRY.dump_json(made)


def dump_problem(problem: Problem) -> str:
    """Gives a problem as JSON; facts that JSON does not know become text."""
    return json.dumps(
        {
            "code": problem.code,
            "detail": problem.detail,
            "retryable": problem.retryable,
            "page": problem.page,
            "facts": dict(problem.facts),
        },
        default=str,
    )


def dump_texts(texts: Sequence[str]) -> str:
    """Gives sentences as a JSON array without white space around it (scripts join such arrays)."""
    return json.dumps(list(texts))


def encode_result(result: PageResult) -> bytes:
    """Gives the bytes under which a page's result lies in the object store."""
    return _RESULT.dump_json(result)


def decode_result(data: bytes) -> PageResult:
    """Gives the result back; raises `ValueError` for bytes that `encode_result` never gave."""
    return _RESULT.validate_json(data)


def encode_report(report: WorkerReport) -> bytes:
    """Gives a worker's report as JSON."""
    return _REPORT.dump_json(report)


def decode_report(data: bytes) -> WorkerReport:
    """Gives a report back, also one of a worker of a somewhat newer or older version."""
    return _REPORT.validate_json(data)


def _pages(fields: Fields) -> PageRanges | None:
    """Jobs made before documents had many pages have one page, and no list of pages."""
    if "pages" not in fields and "tasks" in fields:
        return PageRanges.of([(1, 1)])
    return PageRanges.parse(fields["pages"]) if "pages" in fields else None


def _optional_time(fields: Fields, name: str) -> float | None:
    return float(fields[name]) if name in fields else None


def _optional_problem(fields: Fields) -> Problem | None:
    if "problem" not in fields:
        return None
    known = json.loads(fields["problem"])
    return Problem(
        code=known["code"],
        detail=known["detail"],
        retryable=known["retryable"],
        page=known["page"],
        facts=known["facts"],
    )

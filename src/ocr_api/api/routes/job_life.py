"""The rest of a job's life: listen to it, cancel it, remove it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from ocr_api.api.answers import job_response
from ocr_api.api.event_feeds import EventFeeds
from ocr_api.api.event_stream import EventStream, read_last_event_id
from ocr_api.api.openapi import EVENTS, REMOVAL
from ocr_api.api.services import FromApp
from ocr_api.store import CancelOutcome, remove_job, unknown_job

router = APIRouter(tags=["jobs"])


def feeds_of(request: Request) -> EventFeeds:
    """Gives the feeds of the application that a request came to."""
    found: EventFeeds = request.app.state.event_feeds
    return found


@router.get("/ocr/{job_id}/events", **EVENTS)
async def follow_job(
    request: Request,
    services: FromApp,
    feeds: Annotated[EventFeeds, Depends(feeds_of)],
    job_id: str,
) -> Response:
    """Tells what happens to a job as it happens; ends when the job does.

    A caller that comes back with `Last-Event-ID` gets what it missed; where that is nothing and
    the job has ended, the answer is 204, which tells an EventSource not to come back.
    """
    known = read_last_event_id(request)
    job = await services.store.get(job_id)
    if job.has_ended and not await services.store.events(job_id, known):
        return Response(status_code=204)
    return EventStream(services, feeds, job_id, known)


@router.delete("/ocr/{job_id}", **REMOVAL)
async def delete_job(services: FromApp, job_id: str) -> Response:
    """Cancels a job that has not ended (200, the job); removes an ended one, files and all (204).

    The work on a cancelled job stops at once; its record stays as long as any other's.
    """
    outcome = await services.store.cancel(job_id)
    if outcome is CancelOutcome.UNKNOWN:
        raise unknown_job()
    job = await services.store.get(job_id)
    if outcome is CancelOutcome.CANCELLED:
        return await job_response(services, job, None)
    await remove_job(services.store, services.blobs, job)
    return Response(status_code=204)

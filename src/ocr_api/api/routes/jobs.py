"""The story of a submission: check, keep the upload, create the job, answer; then ask after it."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ocr_api.api.admission import JobToBe, Payload, admitted, idempotency_key, replay
from ocr_api.api.answers import is_match, job_response, json_response, page_response
from ocr_api.api.body import Option, body_pieces, open_body
from ocr_api.api.callers import FromCaller
from ocr_api.api.filenames import clean_filename
from ocr_api.api.model_choice import choose_model
from ocr_api.api.negotiation import choose_format
from ocr_api.api.openapi import LISTING, ONE_JOB, ONE_PAGE, RESULT, SUBMISSION, SUBMISSION_ALIAS
from ocr_api.api.options import Choices, OptionLimits, check_prompt, read_options
from ocr_api.api.receiving import refusals_drained
from ocr_api.api.rendered import check_has_result, rendered_tag, result_response
from ocr_api.api.services import FromApp, Services
from ocr_api.api.upload import Upload, kept_upload
from ocr_api.api.waiting import job_when_ended, read_wait, unless_gone
from ocr_api.catalog import Resolution
from ocr_api.errors import InvalidOptionError
from ocr_api.jobs import Job, JobStatus
from ocr_api.renderers import FORMATS
from ocr_api.wire import accepted_view, job_list_view

router = APIRouter(tags=["jobs"])

FormatOption = Annotated[
    str | None,
    Query(
        alias="format",
        description="Form of the answer; wins over `Accept`.",
        json_schema_extra={"enum": list(FORMATS)},
    ),
]


@router.post("/ocr", status_code=202, **SUBMISSION)
@router.post("/ocr/pdf", status_code=202, **SUBMISSION_ALIAS)
async def submit(request: Request, services: FromApp, caller: FromCaller) -> Response:
    """Takes in one image or PDF; the answer tells where its job is.

    The file comes as the field `file` of a multipart form, as the body itself, or as `base64` in
    JSON. Options are form fields, query parameters or JSON members.
    """
    key = idempotency_key(request, caller)
    pieces = body_pieces(request, services.limits)
    async with refusals_drained(pieces):
        body = await open_body(request, pieces, services.limits)
        query = tuple(request.query_params.multi_items())
        check_options(services, (*query, *body.options))
        job_id = secrets.token_urlsafe(16)
        async with admitted(services, job_id, key) as first:
            payload = Payload(body, key)
            if first is not None:
                job = await replay(services, payload, query, first)
            else:
                to_be = JobToBe(job_id, caller, key)
                job = await create_job(services, payload, query, to_be)
    answer = json_response(accepted_view(job), status=202)
    answer.headers["Location"] = f"/ocr/{job.id}"
    answer.headers["Retry-After"] = "1"
    return answer


@router.get("/ocr", **LISTING)
async def list_jobs(
    services: FromApp,
    caller: FromCaller,
    limit: Annotated[int, Query(json_schema_extra={"minimum": 1, "maximum": 100})] = 20,
    cursor: Annotated[str | None, Query(json_schema_extra={"pattern": "^[0-9]{0,20}$"})] = None,
    status: JobStatus | None = None,
    model: str | None = None,
) -> Response:
    """Lists the caller's jobs, newest first, without their results."""
    if not 1 <= limit <= 100:
        raise InvalidOptionError("`limit` must be from 1 to 100.", option="limit", limit=[1, 100])
    found = await services.store.list_jobs(
        limit=limit, cursor=cursor or None, status=status, model=model, owner=caller
    )
    return json_response(job_list_view(found.jobs, found.next_cursor))


@router.get("/ocr/{job_id}", **ONE_JOB)
async def show_job(request: Request, services: FromApp, job_id: str) -> Response:
    """Tells how a job stands, with the text once it is completed; `wait` holds the answer."""
    wait = read_wait(request, services.limits.max_wait_s)
    job = await unless_gone(request, lambda: job_when_ended(services, job_id, wait.seconds))
    answer = await job_response(services, job, request.headers.get("if-none-match"))
    if wait.is_preference:
        answer.headers["Preference-Applied"] = f"wait={wait.seconds:g}"
    return answer


@router.get("/ocr/{job_id}/pages/{page_number}", **ONE_PAGE)
async def show_page(
    request: Request,
    services: FromApp,
    job_id: str,
    page_number: int,
    form_name: FormatOption = None,
) -> Response:
    """Gives one page as soon as it is read, while the rest of the job goes on."""
    chosen = choose_format(form_name, request.headers.get("accept", ""), "json")
    form = None if chosen == "json" else FORMATS[chosen]
    job = await services.store.get(job_id)
    return await page_response(services, job, page_number, form)


@router.get("/ocr/{job_id}/result", **RESULT)
async def show_result(
    request: Request, services: FromApp, job_id: str, form_name: FormatOption = None
) -> Response:
    """Gives the result of a completed job as text, Markdown, JSON, hOCR or ALTO."""
    form = FORMATS[choose_format(form_name, request.headers.get("accept", ""), "text")]
    wait = read_wait(request, services.limits.max_wait_s)
    job = await unless_gone(request, lambda: job_when_ended(services, job_id, wait.seconds))
    check_has_result(job)
    headers = {"ETag": rendered_tag(services, job, form), "Vary": "Accept"}
    if wait.is_preference:
        headers["Preference-Applied"] = f"wait={wait.seconds:g}"
    if is_match(headers["ETag"], request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    answer = await result_response(services, job, form)
    answer.headers.update(headers)
    return answer


async def create_job(
    services: Services,
    payload: Payload,
    query: tuple[Option, ...],
    to_be: JobToBe,
) -> Job:
    """Keeps the upload, then creates the job."""
    async with kept_upload(services, payload, to_be.id) as upload:
        await payload.finish()
        choices = check_options(services, (*query, *payload.options))
        resolution = await choose_model(services, choices.model)
        check_prompt(choices.job, resolution.model, services.catalog)
        job = new_job(to_be, upload, choices, resolution, payload.filename)
        fingerprint = await payload.fingerprint(query)
        return await services.store.create(
            job, choices.password, key=to_be.idempotency, fingerprint=fingerprint
        )


def check_options(services: Services, given: tuple[tuple[str, object], ...]) -> Choices:
    """Checks the options known so far; see `read_options`."""
    limits = OptionLimits(
        services.limits.max_metadata_bytes,
        services.limits.max_prompt_characters,
        services.webhook_networks,
    )
    return read_options(given, services.catalog, limits)


def new_job(
    to_be: JobToBe,
    upload: Upload,
    choices: Choices,
    resolution: Resolution,
    sent_name: str | None,
) -> Job:
    """Gives the job that a submission becomes; the store sets its times."""
    return Job(
        id=to_be.id,
        owner=to_be.owner,
        model=resolution.model,
        requested_model=resolution.requested_model,
        model_is_default=resolution.is_default,
        media_type=upload.media_type,
        size_bytes=upload.size_bytes,
        upload_key=upload.key,
        filename=choices.filename or clean_filename(sent_name),
        options=choices.job,
        priority=choices.priority,
        warnings=() if resolution.warning is None else (resolution.warning,),
    )

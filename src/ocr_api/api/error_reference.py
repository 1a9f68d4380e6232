"""Every error explained: the one source of docs/errors.md and of the page /docs/errors."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ocr_api import errors
from ocr_api.api.problems import FRAMEWORK_CODES, status_of
from ocr_api.errors import OcrApiError, error_classes

ADVICE: Mapping[str, str] = {
    "internal_error": "A mistake of ours. The service's log has the details; please report it.",
    "bad_request": "Change the request as `detail` says.",
    "malformed_request": "Send a multipart form with a field `file`, the file itself as the body, "
    'or JSON `{"base64": "…"}`. With curl: `curl -F file=@page.png http://localhost:8000/ocr`.',
    "invalid_option": "See `option` and `allowed`. Options that a later version brings are refused "
    "rather than ignored.",
    "empty_upload": "The file has no bytes: check the path that your client read it from.",
    "upload_too_large": "Send a smaller file (`limit` is in bytes), or raise `MAX_UPLOAD_BYTES` "
    "(`MAX_INLINE_BYTES` for `base64`).",
    "unsupported_type": "Convert the file to a type in `allowed`. The first bytes decide, not the "
    "name and not the Content-Type.",
    "unauthorized": "Show the key that the operator gave you: `Authorization: Bearer <key>` or "
    "`X-API-Key: <key>`.",
    "foreign_host": "Call the service by localhost or an IP address, or add the name to "
    "`ALLOWED_HOSTS`. This keeps web pages of others from using your service.",
    "unknown_job": "Check the id, and that it was submitted with this API key. Jobs are removed "
    "`JOB_RESULT_TTL` seconds after they ended.",
    "unknown_page": "Pages count from 1; `pages_total` says how many there are.",
    "unknown_delivery": "See `GET /ocr/{id}/webhooks`. Deliveries are removed with their job.",
    "outbound_error": "`GET /ocr/{id}/webhooks` says what went wrong at each try.",
    "target_refused": "Give an address on the public internet, or have the operator add its "
    "network to `WEBHOOK_ALLOWED_NETWORKS`.",
    "target_timeout": "Answer first and work afterwards; the limit is `WEBHOOK_TIMEOUT`.",
    "target_unreachable": "Check that the receiver runs, and its name, port and certificate.",
    "unknown_model": "Take an id out of `allowed`, or see `GET /models`.",
    "model_unavailable": "`detail` says what is missing. Take another model, or leave `model` out.",
    "job_not_finished": "Ask again after `Retry-After` seconds, or use `?wait=30` on the job.",
    "no_result": "The job failed or was cancelled: `job_status` and `error_detail` say how and "
    "why. Mend what `error_detail` names and submit the file again.",
    "not_acceptable": "Name one of the types in `allowed`, or leave `Accept` out and use "
    "`?format=`.",
    "job_not_retryable": "Submit the file again: the job did not fail, or its file is at fault.",
    "idempotency_key_in_use": "Repeat the same request after `Retry-After` seconds.",
    "idempotency_key_reused": "Take a new key for each new submission; the payload of a key is its "
    "file and its options.",
    "document_error": "`detail` says what is wrong with the file.",
    "document_damaged": "Check that the file opens elsewhere and was sent whole.",
    "document_encrypted": "Send the right `password`, or a copy saved without one.",
    "too_many_pixels": "Scale the page down, or raise `MAX_PIXELS`.",
    "too_many_pages": "Split the document, choose fewer pages with `pages`, or raise `MAX_PAGES`.",
    "no_such_pages": "Pages count from 1; `pages_total` says how many there are.",
    "document_crashed": "The decoder died on this file. Save it anew with another program, and "
    "please report it.",
    "document_limit_exceeded": "The file takes more memory or time to decode than allowed: save it "
    "anew, smaller, or raise `DOCUMENT_MEMORY_MIB` and `DOCUMENT_TIMEOUT`.",
    "read_error": "`detail` says why the page could not be read. Send it again.",
    "engine_failed": "Try another model; if it is always this page, please report it.",
    "out_of_memory": "Scale the page down, take a smaller model, or give the worker more memory.",
    "model_does_not_fit": "The message has the parts. Choose a smaller quantization or "
    "`batch_pages` in the catalog, or free memory on the device.",
    "model_load_failed": "`ocr-api doctor` on the worker's machine says what is missing.",
    "weights_broken": "`detail` names the file: fetch or copy it anew (`ocr-api models pull`).",
    "weights_download_failed": "`detail` says why. It is tried again by itself; "
    "`ocr-api models pull` tries at once.",
    "language_unavailable": "Leave `language` out, take one of those that `detail` names, or put "
    "its data into `TESSDATA_PREFIX`.",
    "page_timeout": "Take a faster model, or raise `JOB_TIMEOUT`.",
    "child_died": "The process that read the page ended; the page was tried again as often as "
    "`MAX_ATTEMPTS` allows. Try another model.",
    "attempts_exhausted": "Every attempt was cut off. The worker's log says by what.",
    "store_error": "See the service's log.",
    "store_unavailable": "Valkey or Redis is away or refuses writes; the service goes on by itself "
    "when it is back. Try again after `Retry-After` seconds.",
    "store_schema_newer": "Start the newer version of this service, or use another data directory.",
    "store_in_use": "Another service runs on this data directory: stop it, or use another one.",
    "queue_full": "Submit again after `Retry-After` seconds, add workers, or raise "
    "`MAX_QUEUED_JOBS`.",
    "storage_full": "Make room on the disk of `UPLOADS_DIR`.",
    "blob_missing": "The upload or result is gone from the object store. Submit the file again.",
    "invalid_settings": "The start stopped: mend the setting that `detail` names.",
    "not_found": "Check the address; `/docs` lists what there is.",
    "method_not_allowed": "Use a method in the header `Allow`.",
}
"""What to do, by code; a test fails where one is missing."""

_NO_REQUEST = (errors.SettingsError, errors.StoreInUseError)
_IN_JOB = (errors.DocumentError, errors.ReadError)
_IN_DELIVERY = (errors.OutboundError,)


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One code explained."""

    code: str
    title: str
    where: str
    retryable: bool
    advice: str


def error_rows() -> Iterator[ErrorRow]:
    """Yields the explanation of every code, in alphabetical order."""
    rows = {found.code: _row(found) for found in error_classes()}
    for status, (code, title) in FRAMEWORK_CODES.items():
        row = ErrorRow(code, title, str(status), retryable=False, advice=_advice(code))
        rows.setdefault(code, row)
    for code in sorted(rows):
        yield rows[code]


def errors_markdown() -> str:
    """Gives docs/errors.md."""
    head = (
        "# Errors\n\n"
        "Every error is a problem (RFC 9457, `application/problem+json`): `type` links to its line "
        "here, `code` is stable, `detail` is for people, `retryable` says whether the same request "
        "may succeed later.\n"
        "In a job that failed, the same object is `error_detail`, and its text is `error`.\n\n"
        "This file is made by `python -m ocr_api.api.error_reference > docs/errors.md`.\n\n"
        "| code | meaning | HTTP status | again? | what to do |\n|---|---|---|---|---|\n"
    )
    return head + "".join(_markdown_row(row) for row in error_rows())


def errors_html() -> str:
    """Gives the page that `type` links to."""
    rows = "".join(_html_row(row) for row in error_rows())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<title>Errors · OCR API</title><link rel="icon" href="/web/icon.svg">'
        '<link rel="stylesheet" href="/web/style.css"></head>'
        '<body><main class="wide"><h1>Errors</h1><p><a href="/docs">Reference</a></p>'
        '<div class="scroll"><table><thead><tr><th>code</th><th>meaning</th><th>HTTP status</th>'
        f"<th>again?</th><th>what to do</th></tr></thead><tbody>{rows}</tbody></table></div>"
        "</main></body></html>"
    )


def _row(found: type[OcrApiError]) -> ErrorRow:
    title = (found.__doc__ or "").splitlines()[0].rstrip(".")
    if found is OcrApiError:
        title = "The service made a mistake"
    return ErrorRow(found.code, title, _where(found), found.retryable, _advice(found.code))


def _advice(code: str) -> str:
    return ADVICE.get(code, "See `detail`.")


def _where(found: type[OcrApiError]) -> str:
    if issubclass(found, _NO_REQUEST):
        return "at the start"
    if issubclass(found, _IN_JOB):
        return "in the job"
    if issubclass(found, _IN_DELIVERY):
        return "in the delivery"
    return str(status_of(found))


def _markdown_row(row: ErrorRow) -> str:
    again = "yes" if row.retryable else "no"
    name = f'<a id="{row.code}"></a>`{row.code}`'
    return f"| {name} | {row.title} | {row.where} | {again} | {row.advice} |\n"


def _html_prose(text: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def _html_row(row: ErrorRow) -> str:
    cells = (row.title, row.where, "yes" if row.retryable else "no", row.advice)
    rest = "".join(f"<td>{_html_prose(cell)}</td>" for cell in cells)
    return f'<tr id="{row.code}"><td><code>{row.code}</code></td>{rest}</tr>'


if __name__ == "__main__":
    print(errors_markdown(), end="")  # noqa: T201 - its purpose

"""The error tree: everything this service raises on purpose.

    OcrApiError
    ├── SettingsError                  a setting is wrong; the start stops
    ├── RequestError                   the caller must change the request
    │   ├── MalformedRequestError      body, form or JSON cannot be understood
    │   ├── InvalidOptionError         an option is unknown, out of range or not offered yet
    │   ├── EmptyUploadError           no bytes in the file
    │   ├── UploadTooLargeError        more bytes than allowed
    │   ├── UnsupportedTypeError       the first bytes name no type that is read
    │   ├── ForeignHostError           Host or Origin header names a foreign site
    │   ├── UnknownJobError            no job with that id
    │   ├── UnknownPageError           no page with that number
    │   ├── UnknownDeliveryError       no webhook delivery with that id
    │   ├── UnknownModelError          no model with that id
    │   ├── ModelUnavailableError      the model exists but cannot run here
    │   ├── JobNotFinishedError        the answer asked for does not exist yet
    │   ├── NoResultError              the job ended without a result
    │   ├── NotAcceptableError         the Accept header names no form that is offered
    │   ├── JobNotRetryableError       only a failed job whose file is there can be retried
    │   ├── IdempotencyKeyInUseError   the first request with that key is still coming in
    │   └── IdempotencyKeyReusedError  that key stands for another payload
    ├── DocumentError                  the file was accepted, but decoding showed a fault
    │   ├── DamagedDocumentError       truncated or corrupt
    │   ├── EncryptedDocumentError     needs a password
    │   ├── TooManyPixelsError         a page larger than allowed (decompression bombs)
    │   ├── TooManyPagesError          more pages than allowed
    │   ├── NoSuchPagesError           none of the pages asked for exists
    │   ├── DocumentLimitError         decoding ran into its memory, CPU or time limit
    │   └── DocumentCrashError         decoding ended abnormally; tried again before it counts
    ├── ReadError                      a page could not be read
    │   ├── EngineError                the engine raised
    │   ├── EngineMemoryError          the engine ran out of memory
    │   ├── ModelLoadError             the model could not be loaded
    │   │   └── ModelDoesNotFitError   it needs more memory than is free
    │   ├── LanguageUnavailableError   a language asked for has no data on the worker
    │   ├── PageTimeoutError           reading took longer than JOB_TIMEOUT
    │   ├── ChildDiedError             the child process ended in the middle of a page
    │   └── AttemptsExhaustedError     a page was claimed too often without an end
    ├── OutboundError                  a request to the outside
    │   ├── TargetRefusedError         the place is not reached: not public, or no http(s)
    │   ├── TargetTimeoutError         no answer in time
    │   └── TargetUnreachableError     no connection, or it broke
    └── StoreError                     queue or object store
        ├── StoreUnavailableError      cannot be reached, or refuses writes
        ├── StoreSchemaError           data written by a newer version
        ├── StoreInUseError            another service owns the data directory
        ├── QueueFullError             as many jobs wait as may
        ├── StorageFullError           no room on the disk
        └── BlobMissingError           an upload or result is gone

Every class has a stable `code` (documented in docs/errors.md) and says whether trying the same
thing again can help (`retryable`). The message says what happened, to which thing, what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar


class OcrApiError(Exception):
    """Base of all errors of this package.

    Attributes:
        code: Stable identifier of the class, `snake_case`.
        retryable: Whether the same request may succeed later without a change.
        detail: The sentence for people.
        facts: Values that help to mend the request, e.g. `{"limit": 52428800}`.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


class SettingsError(OcrApiError):
    """A setting is missing, misspelt or out of range."""

    code = "invalid_settings"


class RequestError(OcrApiError):
    """The caller must change the request."""

    code = "bad_request"


class MalformedRequestError(RequestError):
    """Body, form or JSON cannot be understood."""

    code = "malformed_request"


class InvalidOptionError(RequestError):
    """An option is unknown, out of range or not offered yet."""

    code = "invalid_option"


class EmptyUploadError(RequestError):
    """The file has no bytes."""

    code = "empty_upload"


class UploadTooLargeError(RequestError):
    """The file has more bytes than allowed."""

    code = "upload_too_large"


class UnsupportedTypeError(RequestError):
    """The first bytes name no type that is read."""

    code = "unsupported_type"


class ForeignHostError(RequestError):
    """The Host or Origin header names a foreign site."""

    code = "foreign_host"


class UnknownJobError(RequestError):
    """No job has that id (any more)."""

    code = "unknown_job"


class UnknownPageError(RequestError):
    """The document has no page with that number."""

    code = "unknown_page"


class UnknownDeliveryError(RequestError):
    """The job has no webhook delivery with that id."""

    code = "unknown_delivery"


class UnknownModelError(RequestError):
    """No model has that id."""

    code = "unknown_model"


class ModelUnavailableError(RequestError):
    """The model exists but cannot run here."""

    code = "model_unavailable"


class JobNotFinishedError(RequestError):
    """What was asked for exists only when the job has ended."""

    code = "job_not_finished"
    retryable = True


class NoResultError(RequestError):
    """The job ended without a result."""

    code = "no_result"


class NotAcceptableError(RequestError):
    """The Accept header names no form that is offered."""

    code = "not_acceptable"


class JobNotRetryableError(RequestError):
    """Only a job that failed, and not by its file's fault, can be retried."""

    code = "job_not_retryable"


class IdempotencyKeyInUseError(RequestError):
    """The first request with this Idempotency-Key is still coming in."""

    code = "idempotency_key_in_use"
    retryable = True


class IdempotencyKeyReusedError(RequestError):
    """The Idempotency-Key stands for a request with another payload."""

    code = "idempotency_key_reused"


class DocumentError(OcrApiError):
    """The file was accepted, but decoding showed a fault."""

    code = "document_error"


class DamagedDocumentError(DocumentError):
    """The file is truncated or corrupt."""

    code = "document_damaged"


class EncryptedDocumentError(DocumentError):
    """The file needs a password, or another one than was sent."""

    code = "document_encrypted"


class TooManyPixelsError(DocumentError):
    """A page is larger than allowed."""

    code = "too_many_pixels"


class TooManyPagesError(DocumentError):
    """More pages are to be read than allowed."""

    code = "too_many_pages"


class NoSuchPagesError(DocumentError):
    """The document has none of the pages asked for."""

    code = "no_such_pages"


class DocumentLimitError(DocumentError):
    """Decoding ran into its memory, CPU or time limit."""

    code = "document_limit_exceeded"


class DocumentCrashError(DocumentError):
    """The document child died on the file: most likely the file's fault, but worth another try."""

    code = "document_crashed"
    retryable = True


class ReadError(OcrApiError):
    """A page could not be read."""

    code = "read_error"
    retryable = True


class EngineError(ReadError):
    """The engine raised an error on a page."""

    code = "engine_failed"


class EngineMemoryError(ReadError):
    """The engine ran out of memory."""

    code = "out_of_memory"


class ModelLoadError(ReadError):
    """The model could not be loaded."""

    code = "model_load_failed"


class ModelDoesNotFitError(ModelLoadError):
    """The model needs more memory than is free on its device."""

    code = "model_does_not_fit"


class LanguageUnavailableError(ReadError):
    """A language that the caller asked for has no data on the worker."""

    code = "language_unavailable"
    retryable = False


class PageTimeoutError(ReadError):
    """A page took longer than JOB_TIMEOUT."""

    code = "page_timeout"


class ChildDiedError(ReadError):
    """The child process ended in the middle of a page."""

    code = "child_died"


class AttemptsExhaustedError(ReadError):
    """A page was claimed too often without coming to an end."""

    code = "attempts_exhausted"


class OutboundError(OcrApiError):
    """A request to the outside went wrong."""

    code = "outbound_error"
    retryable = True


class TargetRefusedError(OutboundError):
    """The place is not reached: it is not public, or speaks no HTTP."""

    code = "target_refused"
    retryable = False


class TargetTimeoutError(OutboundError):
    """The place did not answer in time."""

    code = "target_timeout"


class TargetUnreachableError(OutboundError):
    """No connection to the place could be opened, or it broke."""

    code = "target_unreachable"


class StoreError(OcrApiError):
    """Something about the queue or the object store."""

    code = "store_error"
    retryable = True


class StoreUnavailableError(StoreError):
    """The queue cannot be reached, or refuses writes."""

    code = "store_unavailable"


class StoreSchemaError(StoreError):
    """The data was written by a newer version of this service."""

    code = "store_schema_newer"
    retryable = False


class StoreInUseError(StoreError):
    """Another service owns the data directory."""

    code = "store_in_use"
    retryable = False


class QueueFullError(StoreError):
    """As many jobs wait as the service takes."""

    code = "queue_full"


class StorageFullError(StoreError):
    """The disk has no room."""

    code = "storage_full"


class BlobMissingError(StoreError):
    """An upload or a result is gone from the object store."""

    code = "blob_missing"
    retryable = False


def error_classes() -> Iterator[type[OcrApiError]]:
    """Yields every class of the tree, the root first, in no further order."""
    waiting: list[type[OcrApiError]] = [OcrApiError]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(found.__subclasses__())


def error_class(code: str) -> type[OcrApiError]:
    """Gives the class with this code, or `OcrApiError` where none has it.

    Errors cross process borders as `code` and `detail`; this finds the class again.
    """
    return next((found for found in error_classes() if found.code == code), OcrApiError)

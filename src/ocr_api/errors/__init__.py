"""The error tree: everything this service raises on purpose.

    OcrApiError
    ├── SettingsError                  a setting is wrong; the start stops
    ├── RequestError                   the caller must change the request
    │   ├── MalformedRequestError      body, form or JSON cannot be understood
    │   ├── InvalidOptionError         an option is unknown, out of range or not offered yet
    │   ├── EmptyUploadError           no bytes in the file
    │   ├── UploadTooLargeError        more bytes than allowed
    │   ├── UnsupportedTypeError       the first bytes name no type that is read
    │   ├── UnauthorizedError          no API key, or an unknown one
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
    │   ├── WeightsBrokenError         a file of the model's weights is damaged or missing
    │   ├── WeightsDownloadError       the model's weights could not be fetched
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

from ocr_api.errors.base import (
    OcrApiError,
    SettingsError,
)
from ocr_api.errors.document import (
    DamagedDocumentError,
    DocumentCrashError,
    DocumentError,
    DocumentLimitError,
    EncryptedDocumentError,
    NoSuchPagesError,
    TooManyPagesError,
    TooManyPixelsError,
)
from ocr_api.errors.outbound import (
    OutboundError,
    TargetRefusedError,
    TargetTimeoutError,
    TargetUnreachableError,
)
from ocr_api.errors.read import (
    AttemptsExhaustedError,
    ChildDiedError,
    EngineError,
    EngineMemoryError,
    LanguageUnavailableError,
    ModelDoesNotFitError,
    ModelLoadError,
    PageTimeoutError,
    ReadError,
    WeightsBrokenError,
    WeightsDownloadError,
)
from ocr_api.errors.request import (
    EmptyUploadError,
    ForeignHostError,
    IdempotencyKeyInUseError,
    IdempotencyKeyReusedError,
    InvalidOptionError,
    JobNotFinishedError,
    JobNotRetryableError,
    MalformedRequestError,
    ModelUnavailableError,
    NoResultError,
    NotAcceptableError,
    RequestError,
    UnauthorizedError,
    UnknownDeliveryError,
    UnknownJobError,
    UnknownModelError,
    UnknownPageError,
    UnsupportedTypeError,
    UploadTooLargeError,
)
from ocr_api.errors.store import (
    BlobMissingError,
    QueueFullError,
    StorageFullError,
    StoreError,
    StoreInUseError,
    StoreSchemaError,
    StoreUnavailableError,
)

__all__ = [
    "AttemptsExhaustedError",
    "BlobMissingError",
    "ChildDiedError",
    "DamagedDocumentError",
    "DocumentCrashError",
    "DocumentError",
    "DocumentLimitError",
    "EmptyUploadError",
    "EncryptedDocumentError",
    "EngineError",
    "EngineMemoryError",
    "ForeignHostError",
    "IdempotencyKeyInUseError",
    "IdempotencyKeyReusedError",
    "InvalidOptionError",
    "JobNotFinishedError",
    "JobNotRetryableError",
    "LanguageUnavailableError",
    "MalformedRequestError",
    "ModelDoesNotFitError",
    "ModelLoadError",
    "ModelUnavailableError",
    "NoResultError",
    "NoSuchPagesError",
    "NotAcceptableError",
    "OcrApiError",
    "OutboundError",
    "PageTimeoutError",
    "QueueFullError",
    "ReadError",
    "RequestError",
    "SettingsError",
    "StorageFullError",
    "StoreError",
    "StoreInUseError",
    "StoreSchemaError",
    "StoreUnavailableError",
    "TargetRefusedError",
    "TargetTimeoutError",
    "TargetUnreachableError",
    "TooManyPagesError",
    "TooManyPixelsError",
    "UnauthorizedError",
    "UnknownDeliveryError",
    "UnknownJobError",
    "UnknownModelError",
    "UnknownPageError",
    "UnsupportedTypeError",
    "UploadTooLargeError",
    "WeightsBrokenError",
    "WeightsDownloadError",
    "error_class",
    "error_classes",
]


def error_classes() -> Iterator[type[OcrApiError]]:
    """Yields every class of the tree, the root first, in no further order.

    A class that another package derives for itself, as the command line does, is none of them.
    """
    waiting: list[type[OcrApiError]] = [OcrApiError]
    while waiting:
        found = waiting.pop()
        if found.__module__.startswith(__name__):
            yield found
            waiting.extend(found.__subclasses__())


def error_class(code: str) -> type[OcrApiError]:
    """Gives the class with this code, or `OcrApiError` where none has it.

    Errors cross process borders as `code` and `detail`; this finds the class again.
    """
    return next((found for found in error_classes() if found.code == code), OcrApiError)

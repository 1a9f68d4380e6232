"""Errors that the caller mends by changing the request."""

from __future__ import annotations

from ocr_api.errors.base import OcrApiError


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


class UnauthorizedError(RequestError):
    """No API key, or none that this service knows."""

    code = "unauthorized"


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

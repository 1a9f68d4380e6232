"""Errors of requests to the outside."""

from __future__ import annotations

from ocr_api.errors.base import OcrApiError


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

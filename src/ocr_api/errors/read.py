"""Errors of reading a page."""

from __future__ import annotations

from ocr_api.errors.base import OcrApiError


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


class WeightsBrokenError(ReadError):
    """A file of a model's weights is damaged, missing, or of a kind that is never loaded."""

    code = "weights_broken"
    retryable = False


class WeightsDownloadError(ReadError):
    """The weights of a model could not be fetched."""

    code = "weights_download_failed"


class LanguageUnavailableError(ReadError):
    """A language that the caller asked for has no data on the worker."""

    code = "language_unavailable"
    retryable = False


class PageTimeoutError(ReadError):
    """A page took longer than JOB_TIMEOUT, or CPU_MODEL_TIMEOUT."""

    code = "page_timeout"


class ChildDiedError(ReadError):
    """The child process ended in the middle of a page."""

    code = "child_died"


class AttemptsExhaustedError(ReadError):
    """A page was claimed too often without coming to an end."""

    code = "attempts_exhausted"

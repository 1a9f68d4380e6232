"""Errors of queue and object store."""

from __future__ import annotations

from ocr_api.errors.base import OcrApiError


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

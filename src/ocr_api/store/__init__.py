"""Jobs and queue in Valkey or Redis, uploads and results in an object store."""

from ocr_api.store.announcements import Announcements, Watch
from ocr_api.store.audit import Discrepancy, audit
from ocr_api.store.blobs import Blobs, open_blobs
from ocr_api.store.connection import connect, connect_listener
from ocr_api.store.embedded import EmbeddedServer
from ocr_api.store.job_store import JobStore
from ocr_api.store.jobs import unknown_job
from ocr_api.store.lifecycle import CancelOutcome, FirstAnswer, IdempotencyKey
from ocr_api.store.limits import (
    CurrentModel,
    FailOutcome,
    JobList,
    ModelAction,
    ModelReport,
    ModelTurn,
    ModelWish,
    Serving,
    StoreLimits,
    SwitchFailure,
    WorkerReport,
    limits_of,
)
from ocr_api.store.local_files import BlobInfo
from ocr_api.store.model_events import (
    ModelEvent,
    ModelEventKind,
    ModelEventList,
    ModelWhy,
    is_event_cursor,
)
from ocr_api.store.names import result_key, upload_key, webhook_body_key
from ocr_api.store.readiness import LayoutWatch, wait_for_store
from ocr_api.store.records import decode_result, encode_result
from ocr_api.store.socket_place import running_server_url
from ocr_api.store.sweeper import Sweeper, SweepLimits, remove_job
from ocr_api.store.texts import TextSoFar

__all__ = [
    "Announcements",
    "BlobInfo",
    "Blobs",
    "CancelOutcome",
    "CurrentModel",
    "Discrepancy",
    "EmbeddedServer",
    "FailOutcome",
    "FirstAnswer",
    "IdempotencyKey",
    "JobList",
    "JobStore",
    "LayoutWatch",
    "ModelAction",
    "ModelEvent",
    "ModelEventKind",
    "ModelEventList",
    "ModelReport",
    "ModelTurn",
    "ModelWhy",
    "ModelWish",
    "Serving",
    "StoreLimits",
    "SweepLimits",
    "Sweeper",
    "SwitchFailure",
    "TextSoFar",
    "Watch",
    "WorkerReport",
    "audit",
    "connect",
    "connect_listener",
    "decode_result",
    "encode_result",
    "is_event_cursor",
    "limits_of",
    "open_blobs",
    "remove_job",
    "result_key",
    "running_server_url",
    "unknown_job",
    "upload_key",
    "wait_for_store",
    "webhook_body_key",
]

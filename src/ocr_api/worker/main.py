"""Composition root of the worker: settings in, a running worker out."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import anyio
from redis.asyncio import Redis

from ocr_api import __version__
from ocr_api.catalog import AUTO, Catalog, Host, load_catalog, resolve_model, this_host
from ocr_api.errors import OcrApiError, StoreError
from ocr_api.observability import get_logger
from ocr_api.settings import MIB, Settings, usable_cores
from ocr_api.stopping import cancel_after_stop, stop_on_signal
from ocr_api.store import (
    Announcements,
    Blobs,
    JobStore,
    LayoutWatch,
    ModelReport,
    Sweeper,
    SweepLimits,
    WorkerReport,
    connect,
    connect_listener,
    limits_of,
    open_blobs,
    wait_for_store,
)
from ocr_api.worker.claiming import Claiming
from ocr_api.worker.leases import Leases
from ocr_api.worker.model_follower import ModelFollower
from ocr_api.worker.page_reader import PageReader, ReaderPlan, child_environment
from ocr_api.worker.page_steps import DocumentLimits
from ocr_api.worker.process_page import Parts, process_claim

_HEARTBEAT_S = 1.0
_HEARTBEAT_TTL_S = 4.0
_RECLAIM_S = 1.0
_SWEEP_S = 1.0
_BYTES_PER_PIXEL = 3
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Connections:
    """Open connections to the stores.

    Attributes:
        redis: For calls.
        listener: For announcements; its reads may block for ever.
        blobs: Uploads and results.
    """

    redis: Redis
    listener: Redis
    blobs: Blobs


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's parts, joined."""

    id: str
    parts: Parts
    announcements: Announcements
    sweeper: Sweeper
    claiming: Claiming
    reports: Mapping[str, ModelReport]
    drain_s: float


async def run_worker(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT, then finishes or hands back what it holds.

    Raises:
        StoreSchemaError: The data was written by a newer version, or is taken over by one.
    """
    catalog = load_catalog(settings.catalog_file)
    _tell_fallback(settings, catalog, this_host())
    url = settings.redis_address
    async with connect(url) as redis, connect_listener(url) as listener:
        connections = Connections(redis, listener, await open_blobs(settings.blobs_dir))
        worker = build_worker(settings, catalog, this_host(), connections)
        await wait_for_store(worker.parts.store)
        await _run(worker)


def _tell_fallback(settings: Settings, catalog: Catalog, host: Host) -> None:
    """Logs which model serves where the default one cannot run here."""
    try:
        found = resolve_model(
            None,
            settings.default_model,
            settings.fallback_model,
            lambda model: catalog.availability(model, host),
        )
    except OcrApiError as exc:
        _log.warning("default_model_cannot_run", code=exc.code, detail=exc.detail)
        return
    if found.warning is not None:
        _log.warning("fallback_model_serves", model=found.model, detail=found.warning)


async def _run(worker: Worker) -> None:
    stop, watch = anyio.Event(), LayoutWatch(worker.parts.store)
    _log.info("worker_started", worker=worker.id, models=sorted(worker.parts.served))
    try:
        async with anyio.create_task_group() as background:
            background.start_soon(stop_on_signal, stop)
            background.start_soon(watch.cancel_when_newer, background.cancel_scope)
            background.start_soon(worker.announcements.run)
            background.start_soon(worker.parts.leases.keep)
            background.start_soon(_every, _HEARTBEAT_S, "heartbeat", lambda: _report(worker))
            background.start_soon(_every, _RECLAIM_S, "reclaim", worker.parts.store.reclaim_expired)
            background.start_soon(worker.sweeper.run)
            background.start_soon(_warm, worker)
            background.start_soon(ModelFollower(worker.parts).run)
            await _work_and_drain(worker, stop)
            background.cancel_scope.cancel()
    finally:
        await _leave(worker)
    watch.check()


def build_worker(
    settings: Settings, catalog: Catalog, host: Host, connections: Connections
) -> Worker:
    """Joins the parts of a worker; starts nothing."""
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    store = JobStore(connections.redis, limits_of(settings))
    announcements = Announcements(connections.listener)
    reports = {
        spec.id: ModelReport(reason=catalog.availability(spec.id, host).reason)
        for spec in catalog.models.values()
    }
    served = frozenset(model for model, report in reports.items() if not report.reason)
    return Worker(
        id=worker_id,
        parts=Parts(
            store,
            connections.blobs,
            PageReader(reader_plan(settings), catalog, host),
            Leases(store, announcements, worker_id, settings.lease_seconds / 3),
            served,
        ),
        announcements=announcements,
        sweeper=Sweeper(store, connections.blobs, SweepLimits(interval_s=_SWEEP_S)),
        claiming=Claiming(
            store, announcements, worker_id, sorted({AUTO, *served}), settings.reader_count + 1
        ),
        reports=reports,
        drain_s=settings.drain_seconds,
    )


def reader_plan(settings: Settings) -> ReaderPlan:
    """Gives how pages are read, from the settings."""
    return ReaderPlan(
        readers=settings.reader_count,
        document_limits=DocumentLimits(
            settings.max_pages, settings.max_pixels, settings.document_timeout
        ),
        document_arguments=(
            f"--memory-mib={settings.document_memory_mib}",
            f"--cpu-s={settings.document_cpu_seconds}",
            f"--file-mib={_BYTES_PER_PIXEL * settings.max_pixels // MIB + 1}",
        ),
        page_timeout_s=settings.job_timeout,
        child_start_timeout_s=settings.child_start_timeout,
        load_timeout_s=settings.model_load_timeout,
        environment=child_environment(
            _with_tessdata(settings), settings.reader_count, usable_cores()
        ),
    )


def _with_tessdata(settings: Settings) -> Mapping[str, str]:
    if settings.tessdata_prefix is None:
        return os.environ
    return {**os.environ, "TESSDATA_PREFIX": str(settings.tessdata_prefix)}


async def _work_and_drain(worker: Worker, stop: anyio.Event) -> None:
    """Works until `stop`, then lets running pages end for a while before it hands them back."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_tell_draining, stop, worker.drain_s)
        tasks.start_soon(cancel_after_stop, tasks.cancel_scope, stop, worker.drain_s)
        await worker.claiming.run(lambda claim: process_claim(claim, worker.parts), stop)
        tasks.cancel_scope.cancel()


async def _tell_draining(stop: anyio.Event, patience_s: float) -> None:
    await stop.wait()
    _log.info("worker_draining", at_most_s=patience_s)


async def _every(interval_s: float, name: str, act: Callable[[], Awaitable[object]]) -> None:
    """Repeats an act for ever; the store's absence is no end of it."""
    while True:
        try:
            await act()
        except StoreError as exc:
            _log.warning("store_away", task=name, code=exc.code, detail=exc.detail)
        await anyio.sleep(interval_s)


async def _report(worker: Worker) -> None:
    loaded = worker.parts.reader.children()
    models = {
        model: ModelReport(
            reason=report.reason,
            loaded=len(loaded.get(model, ())),
            status="loaded" if loaded.get(model) else report.status,
            memory_mib=report.memory_mib,
        )
        for model, report in worker.reports.items()
    }
    report = WorkerReport(
        id=worker.id,
        host=socket.gethostname(),
        pid=os.getpid(),
        models=models,
        busy_pages=worker.parts.leases.count,
        version=__version__,
    )
    await worker.parts.store.report(report, _HEARTBEAT_TTL_S)


async def _warm(worker: Worker) -> None:
    """Starts the first children ahead of the first page; a failure will show again there."""
    try:
        await worker.parts.reader.warm()
    except OcrApiError as exc:
        _log.warning("children_not_warmed", code=exc.code, detail=exc.detail)


async def _leave(worker: Worker) -> None:
    """Ends the children and takes the worker off the list."""
    with anyio.move_on_after(_HEARTBEAT_TTL_S, shield=True):
        await worker.parts.reader.close()
        try:
            await worker.parts.store.remove_worker(worker.id)
        except StoreError as exc:
            _log.info("worker_not_taken_off", code=exc.code)
    _log.info("worker_stopped", worker=worker.id)

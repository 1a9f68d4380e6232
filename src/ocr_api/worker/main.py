"""Composition root of the worker: settings in, a running worker out."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

import anyio
import anyio.to_thread
from redis.asyncio import Redis

from ocr_api import __version__
from ocr_api.catalog import (
    AUTO,
    Catalog,
    Host,
    ModelSpec,
    load_catalog,
    resolve_model,
    this_host,
)
from ocr_api.errors import OcrApiError, StoreError
from ocr_api.jobs import Claim
from ocr_api.observability import get_logger
from ocr_api.settings import Settings
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
from ocr_api.worker.fleet import Among, Fleet
from ocr_api.worker.hands import Hand, Hands
from ocr_api.worker.heartbeat import BEAT_S, TTL_S, Heartbeat
from ocr_api.worker.lane_gate import LaneGate
from ocr_api.worker.leases import Leases
from ocr_api.worker.loaded_models import model_report
from ocr_api.worker.model_follower import ModelFollower
from ocr_api.worker.model_scheduler import ModelScheduler, SchedulerView
from ocr_api.worker.page_reader import PageReader, opened_reader
from ocr_api.worker.planning import (
    check_model_names,
    check_quantization,
    hindrances,
    is_left_out,
    reader_plan,
    residency_plan,
    store_limits,
    weights_keeper,
)
from ocr_api.worker.process_page import (
    Parts,
    process_claim,
    refuse_claim,
    reroute_claim,
    return_claim,
)
from ocr_api.worker.text_publisher import TextPublisher
from ocr_api.worker.weights_keeper import WeightsKeeper
from ocr_api.worker.weights_reports import with_weights

_RECLAIM_S = 1.0
_SWEEP_S = 1.0
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
    """A worker's parts, joined; `reasons` says why a model cannot run here (empty = it can)."""

    id: str
    parts: Parts
    announcements: Announcements
    sweeper: Sweeper
    claiming: Claiming
    keeper: WeightsKeeper
    scheduler: ModelScheduler
    reasons: Mapping[str, str]
    drain_s: float
    among: Among


async def run_worker(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT, then finishes or hands back what it holds.

    Raises:
        StoreSchemaError: The data was written by a newer version, or is taken over by one.
    """
    catalog = load_catalog(settings.catalog_file)
    check_quantization(settings, catalog)
    check_model_names(settings, catalog)
    url = settings.redis_address
    async with connect(url) as redis, connect_listener(url) as listener:
        blobs = await open_blobs(settings.blobs_dir)
        async with opened_worker(settings, catalog, Connections(redis, listener, blobs)) as worker:
            await wait_for_store(worker.parts.store)
            await _run(worker)
    _log.info("worker_stopped", worker=worker.id)


def _tell_fallback(settings: Settings, catalog: Catalog, host: Host) -> None:
    """Logs which model serves where the default one cannot run here.

    Of a worker that is limited to other models nobody expects it.
    """
    if is_left_out(settings, settings.default_model):
        return
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
            await work_until(worker, stop)
            background.cancel_scope.cancel()
    finally:
        await _leave(worker)
    watch.check()


async def work_until(worker: Worker, stop: anyio.Event) -> None:
    """Works until `stop` is set, and lets pages in work end for a while."""

    async def tell() -> None:
        await heartbeat.tell()

    follower = ModelFollower(worker.parts, worker.announcements, worker.keeper, worker.among, tell)
    heartbeat = Heartbeat(worker.parts.store, partial(_report, worker, follower))
    worker.parts.reader.models.residents.on_change = heartbeat.changed
    async with anyio.create_task_group() as background:
        background.start_soon(worker.announcements.run)
        background.start_soon(worker.parts.leases.keep)
        background.start_soon(heartbeat.run)
        background.start_soon(_every, BEAT_S, "fleet", partial(_see_others, worker))
        background.start_soon(_every, _RECLAIM_S, "reclaim", worker.parts.store.reclaim_expired)
        background.start_soon(worker.sweeper.run)
        background.start_soon(worker.parts.texts.run)
        background.start_soon(_warm, worker)
        background.start_soon(worker.keeper.run)
        background.start_soon(worker.scheduler.run)
        background.start_soon(follower.run)
        background.start_soon(worker.parts.reader.models.journal.run, worker.parts.store, worker.id)
        await _work_and_drain(worker, stop)
        background.cancel_scope.cancel()


@asynccontextmanager
async def opened_worker(
    settings: Settings, catalog: Catalog, connections: Connections
) -> AsyncGenerator[Worker]:
    """Joins the parts of a worker for the time of the context; its children end with it."""
    host = await anyio.to_thread.run_sync(lambda: this_host(allows_cpu_models=settings.cpu_models))
    reasons = hindrances(settings, catalog, host)
    able = [spec for spec in catalog.models.values() if not reasons[spec.id]]
    keeper = weights_keeper(settings, able, JobStore(connections.redis, limits_of(settings)))
    await keeper.look()
    _tell_fallback(settings, catalog, host.with_weights(lambda spec: keeper.state(spec.id).reason))
    plan = reader_plan(settings, host, lambda spec: keeper.found(spec.id))
    plan = replace(plan, residency=await residency_plan(settings, plan.loading, able))
    ready_host = host.with_weights(lambda spec: reasons[spec.id] or keeper.hindrance(spec.id))
    fleet = Fleet(f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}")
    async with opened_reader(plan, catalog, ready_host, fleet) as reader:
        joints = _Joints(settings, catalog, keeper, reader, reasons, fleet)
        yield _join(joints, connections)


@dataclass(frozen=True, slots=True)
class _Joints:
    """What a worker is joined from, beside its connections."""

    settings: Settings
    catalog: Catalog
    keeper: WeightsKeeper
    reader: PageReader
    reasons: Mapping[str, str]
    fleet: Fleet


def _join(joints: _Joints, connections: Connections) -> Worker:
    settings, keeper, plan = joints.settings, joints.keeper, joints.reader.plan
    worker_id = joints.fleet.own
    store = JobStore(connections.redis, store_limits(settings, joints.catalog, plan))
    announcements = Announcements(connections.listener)
    among = Among(store, joints.fleet)
    served = [spec for spec in joints.catalog.models.values() if not joints.reasons[spec.id]]
    return Worker(
        id=worker_id,
        parts=Parts(
            store,
            connections.blobs,
            joints.reader,
            Leases(store, announcements, worker_id, settings.lease_seconds / 3),
            frozenset(spec.id for spec in served),
            TextPublisher(store),
        ),
        announcements=announcements,
        sweeper=Sweeper(store, connections.blobs, SweepLimits(interval_s=_SWEEP_S)),
        claiming=Claiming(store, announcements, worker_id, _hands(served, joints)),
        keeper=keeper,
        scheduler=_scheduler(store, served, joints, among),
        among=among,
        reasons=joints.reasons,
        drain_s=settings.drain_seconds,
    )


def _hands(served: Sequence[ModelSpec], joints: _Joints) -> Hands:
    lanes = [AUTO, *sorted(spec.id for spec in served)]
    models = joints.reader.models
    routed = frozenset(joints.catalog.routed_models)
    own = routed.intersection(lanes)
    is_limited = bool(joints.settings.worker_models)

    def routes() -> bool:
        return not is_limited or bool(own) or not routed.isdisjoint(joints.fleet.servable)

    gate = LaneGate(joints.keeper, models, joints.fleet, routes)
    hands = Hands(lanes, joints.reader.plan.readers + 1, _rounds(served), gate)
    models.residents.on_open = hands.wake
    return hands


def _rounds(served: Sequence[ModelSpec]) -> dict[str, int]:
    return {spec.id: spec.instances * spec.batch_pages for spec in served if spec.instances}


def _scheduler(
    store: JobStore, served: Sequence[ModelSpec], joints: _Joints, among: Among
) -> ModelScheduler:
    view = SchedulerView(store.queue_lengths, joints.keeper.is_ready, _rounds(served), among)
    return ModelScheduler(joints.reader.models, view)


async def _work_and_drain(worker: Worker, stop: anyio.Event) -> None:
    """Works until `stop`, then lets running pages end for a while before it hands them back."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_tell_draining, stop, worker.drain_s)
        tasks.start_soon(cancel_after_stop, tasks.cancel_scope, stop, worker.drain_s)
        await worker.claiming.run(partial(_work, worker), stop)
        tasks.cancel_scope.cancel()


async def _work(worker: Worker, claim: Claim, hand: Hand) -> None:
    refusal = worker.keeper.refusal(claim.model) or worker.parts.reader.models.refusal(claim.model)
    if refusal is None:
        await process_claim(claim, hand, worker.parts)
    elif claim.model in worker.among.fleet.servable:
        await return_claim(claim, worker.parts)
    elif claim.route_reason:
        await reroute_claim(claim, worker.parts)
    else:
        await refuse_claim(claim, refusal, worker.parts)


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


def _report(worker: Worker, follower: ModelFollower) -> WorkerReport:
    """Gives how the worker stands now."""
    models: dict[str, ModelReport] = {}
    for model, reason in worker.reasons.items():
        refusal = worker.parts.reader.models.refusal(model)
        found = model_report(reason, worker.parts.reader.state(model), refusal)
        followed = follower.followed(model)
        models[model] = replace(
            with_weights(found, worker.keeper.state(model)),
            followed=followed.number,
            refusal=followed.refusal,
            slow=worker.parts.reader.is_slow(model),
        )
    return WorkerReport(
        id=worker.id,
        host=socket.gethostname(),
        pid=os.getpid(),
        models=models,
        busy_pages=worker.parts.leases.count,
        version=__version__,
    )


async def _see_others(worker: Worker) -> None:
    """Sees what the other workers serve, and claims what that makes possible."""
    fleet = worker.among.fleet
    before = (fleet.is_sure, fleet.servable)
    await worker.among.look()
    if (fleet.is_sure, fleet.servable) != before:
        worker.parts.reader.models.residents.on_open()
    await _free_stranded_pages(worker)


async def _free_stranded_pages(worker: Worker) -> None:
    """Has pages routed anew that `auto` handed to a worker which is gone."""
    able = worker.parts.served | worker.among.fleet.servable | {AUTO}
    for lane, pages in (await worker.parts.store.queue_lengths()).items():
        if pages and lane not in able:
            await worker.parts.store.unroute(lane)


async def _warm(worker: Worker) -> None:
    """Starts the first children ahead of the first page; a failure will show again there."""
    try:
        await worker.parts.reader.warm()
    except OcrApiError as exc:
        _log.warning("children_not_warmed", code=exc.code, detail=exc.detail)


async def _leave(worker: Worker) -> None:
    """Takes the worker off the list, and has told what becomes of its models."""
    models = worker.parts.reader.models
    models.note_end()
    with anyio.move_on_after(TTL_S, shield=True):
        try:
            await models.journal.write(worker.parts.store, worker.id)
            await worker.parts.store.remove_worker(worker.id)
        except StoreError as exc:
            _log.info("worker_not_taken_off", code=exc.code)

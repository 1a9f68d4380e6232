"""What the settings mean for a worker: how pages are read, and what looks after the weights."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

import anyio.to_thread

from ocr_api.catalog import Catalog, Host, ModelSpec
from ocr_api.errors import SettingsError
from ocr_api.observability import get_logger
from ocr_api.settings import MIB, Settings, usable_cores
from ocr_api.store import JobStore, StoreLimits, limits_of
from ocr_api.weights import DownloadRule, WeightsLookup, look_at_weights, weights_places
from ocr_api.worker.model_loading import (
    FindWeights,
    LoadPlan,
    child_environment,
    shared_model_environment,
)
from ocr_api.worker.model_memory import detect_budget_mib
from ocr_api.worker.page_steps import DocumentLimits
from ocr_api.worker.reader_plan import ReaderPlan
from ocr_api.worker.residency import ResidencyPlan
from ocr_api.worker.weights_download import download_command, fetch_weights
from ocr_api.worker.weights_keeper import WeightsKeeper

_BYTES_PER_PIXEL = 3
_LEFT_OUT = "WORKER_MODELS leaves it out."
_log = get_logger(__name__)


def check_quantization(settings: Settings, catalog: Catalog) -> None:
    """Refuses a quantization that could never take effect.

    Raises:
        SettingsError: QUANTIZATION names no model, or one that has none to choose.
    """
    able = [spec.id for spec in catalog.models.values() if spec.quantization is not None]
    for model in settings.quantization_of:
        if model not in able:
            msg = f"QUANTIZATION: '{model}' has none to choose. Known: {', '.join(able) or '-'}."
            raise SettingsError(msg)


def check_model_names(settings: Settings, catalog: Catalog) -> None:
    """Refuses models to be served or loaded ahead that don't exist.

    One that is to be loaded ahead and is not among those that are served is only logged: workers
    of unequal WORKER_MODELS often share their other settings.

    Raises:
        SettingsError: WORKER_MODELS, PRELOAD_MODELS or PINNED_MODELS names a model that is not in
            the catalog.
    """
    for name in ("worker_models", "preload_models", "pinned_models"):
        for model in getattr(settings, name):
            if model not in catalog.models:
                known = ", ".join(spec.id for spec in catalog.listed)
                msg = f"{name.upper()}: there is no model '{model}'. Known: {known}."
                raise SettingsError(msg)
            if is_left_out(settings, model):
                _log.warning("model_not_loaded_ahead", model=model, setting=name.upper())


def is_left_out(settings: Settings, model: str) -> bool:
    """Tells whether the worker is limited to other models."""
    return bool(settings.worker_models) and model not in settings.worker_models


def hindrances(settings: Settings, catalog: Catalog, host: Host) -> dict[str, str]:
    """Gives by model why this worker does not serve it; empty = it does."""
    return {
        model: catalog.availability(model, host).reason
        or (_LEFT_OUT if is_left_out(settings, model) else "")
        for model in catalog.models
    }


async def residency_plan(
    settings: Settings, loading: LoadPlan, able: Sequence[ModelSpec]
) -> ResidencyPlan:
    """Gives which models stay in memory, and how much they may take.

    Args:
        settings: The operator's.
        loading: How models are loaded.
        able: The models that can run here.
    """
    devices = {loading.device(spec) for spec in able if spec.instances}
    main_device = "cuda" if "cuda" in devices else "cpu"
    budgets: dict[str, int] = {}
    for device in sorted(devices):
        budget_mib: int | None = settings.model_memory_mib
        if device != main_device or not budget_mib:
            budget_mib = await anyio.to_thread.run_sync(detect_budget_mib, device)
        if budget_mib is not None:
            budgets[device] = budget_mib
    runnable = frozenset(spec.id for spec in able)
    return ResidencyPlan(
        budgets,
        tuple(model for model in settings.preload_models if model in runnable),
        runnable.intersection(settings.pinned_models),
        settings.model_keep_alive or math.inf,
        settings.model_fairness_seconds,
    )


def reader_plan(settings: Settings, host: Host, find_weights: FindWeights) -> ReaderPlan:
    """Gives how pages are read.

    Args:
        settings: The operator's.
        host: What this machine offers.
        find_weights: Gives where a model's weights lie.
    """
    environment, cores = _with_tessdata(settings), usable_cores()
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
        cpu_model_timeout_s=settings.cpu_model_timeout,
        child_start_timeout_s=settings.child_start_timeout,
        loading=LoadPlan(
            settings.model_load_timeout,
            find_weights,
            host.has_gpu,
            settings.quantization_of,
        ),
        environment=child_environment(environment, settings.reader_count, cores),
        shared_environment=lambda instances: shared_model_environment(
            environment, instances, cores
        ),
    )


def _with_tessdata(settings: Settings) -> Mapping[str, str]:
    if settings.tessdata_prefix is None:
        return os.environ
    return {**os.environ, "TESSDATA_PREFIX": str(settings.tessdata_prefix)}


def store_limits(settings: Settings, catalog: Catalog, plan: ReaderPlan) -> StoreLimits:
    """Gives the bounds of the queue, with the models that may take longer than others."""
    return replace(
        limits_of(settings),
        model_timeouts_s={
            spec.id: plan.timeout_s(spec)
            for spec in catalog.models.values()
            if plan.timeout_s(spec) != settings.job_timeout
        },
    )


def weights_keeper(
    settings: Settings, specs: Sequence[ModelSpec], store: JobStore
) -> WeightsKeeper:
    """Joins what looks after the weights of these models."""
    places = weights_places(settings.weights_dir, os.environ)
    lookup = WeightsLookup(places)
    rule = DownloadRule.of(os.environ, allow_downloads=settings.allow_downloads)
    command = download_command(os.environ, settings.child_start_timeout)
    chosen = settings.quantization_of

    async def wanted() -> frozenset[str]:
        current = await store.current_model()
        waiting = await store.queue_lengths()
        needed = {model for model, pages in waiting.items() if pages}
        default = settings.default_model if current is None else current.model
        return frozenset({default, *settings.preload_models, *settings.pinned_models, *needed})

    return WeightsKeeper(
        specs,
        lambda spec: look_at_weights(spec, lookup, rule, chosen.get(spec.id)),
        lambda spec, on_progress: fetch_weights(command, spec, places, on_progress),
        wanted,
    )

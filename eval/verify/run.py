"""Loads a model as the service does, reads pages with it, and writes down what reads well."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import anyio.to_thread

from eval.verify.pages import Manifest, Page, wanted_pages
from eval.verify.verdict import Reading, Verdict, judge
from ocr_api.catalog import Catalog, Host, ModelSpec, load_catalog
from ocr_api.cli.inputs import InputFile
from ocr_api.cli.weights import host_of, places_of, standings
from ocr_api.errors import ModelLoadError, ModelUnavailableError, OcrApiError
from ocr_api.messages import ModelLoaded
from ocr_api.pages import PageText
from ocr_api.settings import Settings
from ocr_api.weights import Found, Verification, fingerprint_of, record_verification
from ocr_api.worker.page_reader import PageReader, opened_reader
from ocr_api.worker.page_steps import PageSource
from ocr_api.worker.planning import reader_plan

_LIBRARIES = (
    "ocr-api",
    "torch",
    "transformers",
    "bitsandbytes",
    "accelerate",
    "tokenizers",
    "peft",
)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a model is held against.

    Attributes:
        max_cer: Most that the median character error rate may be.
        each: Every page that counts must keep it.
    """

    max_cer: float
    each: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """A model that was tried.

    Attributes:
        spec: Its entry.
        found: Its weights.
        loaded: What its child said.
        load_s: Seconds to load, the start of its process included.
        readings: One a page.
        verdict: Whether it reads.
        versions: Of this service and the libraries that are installed.
    """

    spec: ModelSpec
    found: Found
    loaded: ModelLoaded
    load_s: float
    readings: Sequence[Reading]
    verdict: Verdict
    versions: dict[str, str]

    @property
    def page_s(self) -> float:
        """Seconds a page, the median."""
        return statistics.median([reading.seconds for reading in self.readings] or [0.0])


def models_with_weights(settings: Settings, catalog: Catalog) -> list[str]:
    """Gives the ids of the models whose weights are here; blocking."""
    found = standings(settings, catalog)
    return [model for model, standing in found.items() if standing.found is not None]


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a trial stands on."""

    catalog: Catalog
    host: Host
    spec: ModelSpec
    found: Found
    fingerprint: str
    versions: dict[str, str]


async def try_model(settings: Settings, model: str, manifest: Manifest, bound: Bound) -> Trial:
    """Loads a model, reads the pages, and records it where it reads well.

    Raises:
        UnknownModelError: No model has the id.
        ModelUnavailableError: It cannot run here, or its weights are not here.
        ReadError: It cannot be loaded.
    """
    ground = await anyio.to_thread.run_sync(_ground, settings, model)
    plan = reader_plan(settings, ground.host, lambda _: ground.found)
    async with opened_reader(plan, ground.catalog, ground.host) as reader:
        trial = await _try(reader, ground, manifest, bound)
    if trial.verdict.is_verified:
        verification = _verification(trial, ground.fingerprint, bound)
        folder = places_of(settings).models_dir
        await anyio.to_thread.run_sync(record_verification, folder, model, verification)
    return trial


def _ground(settings: Settings, model: str) -> _Ground:
    catalog = load_catalog(settings.catalog_file)
    spec = catalog.model(model)
    stand = standings(settings, catalog)
    host = host_of(settings, stand)
    available, found = catalog.availability(model, host), stand[model].found
    if not available.is_available or found is None:
        reason = available.reason or f"Run `ocr-api models pull {model}`, or give --pull."
        raise ModelUnavailableError(reason, model=model)
    # taken before anything is loaded: files that change meanwhile are others
    return _Ground(catalog, host, spec, found, fingerprint_of(found), _versions())


async def _try(reader: PageReader, ground: _Ground, manifest: Manifest, bound: Bound) -> Trial:
    spec = ground.spec
    started = time.monotonic()
    await reader.load(spec.id)
    load_s = time.monotonic() - started
    loaded = reader.state(spec.id).loaded
    if loaded is None:
        msg = f"{spec.name} did not tell how it was loaded."
        raise ModelLoadError(msg)
    readings = [
        await _read(reader, spec, manifest.folder, page) for page in wanted_pages(manifest, spec)
    ]
    verdict = judge(readings, bound.max_cer, each=bound.each)
    return Trial(spec, ground.found, loaded, load_s, readings, verdict, ground.versions)


async def _read(reader: PageReader, spec: ModelSpec, folder: Path, page: Page) -> Reading:
    """Reads one page by itself, as the service would for a caller who names the model."""
    counts, started = page.counts_for(spec), time.monotonic()
    try:
        read = await _page_text(reader, spec.id, folder / page.file)
    except OcrApiError as exc:
        return Reading(page, counts, None, time.monotonic() - started, (exc.detail,))
    return Reading(page, counts, read.text, time.monotonic() - started, read.flags)


async def _page_text(reader: PageReader, model: str, path: Path) -> PageText:
    descriptor, media_type = await anyio.to_thread.run_sync(InputFile(str(path), path).open)
    try:
        source = PageSource(descriptor, media_type, document=path.name)
        return (await reader.read(source, model)).text
    finally:
        os.close(descriptor)


def _verification(trial: Trial, fingerprint: str, bound: Bound) -> Verification:
    loaded = trial.loaded
    return Verification(
        fingerprint=fingerprint,
        revision=trial.found.revision,
        quantization=loaded.quantization or "none",
        device=loaded.device,
        median_cer=round(trial.verdict.median_cer or 0.0, 4),
        bound=bound.max_cer,
        pages={one.page.file: round(one.cer, 4) for one in trial.readings if one.counts},
        load_s=round(trial.load_s, 1),
        page_s=round(trial.page_s, 2),
        memory_mib=loaded.memory_mib,
        versions=trial.versions,
        verified_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def _versions() -> dict[str, str]:
    known: dict[str, str] = {}
    for library in _LIBRARIES:
        try:
            known[library] = version(library)
        except PackageNotFoundError:
            continue
    return known

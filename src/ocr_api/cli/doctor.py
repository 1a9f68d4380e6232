"""`ocr-api doctor`: what can run on this machine, and why not."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import anyio.to_thread
from rich.console import Console

from ocr_api import __version__
from ocr_api.api.api_keys import ApiKeys
from ocr_api.catalog import AUTO, Catalog, Host, ModelSpec, load_catalog, resolve_model
from ocr_api.cli.outcomes import Outcome
from ocr_api.cli.store_access import opened_stores
from ocr_api.cli.weights import host_of, standings
from ocr_api.engines.tessdata_index import find_languages
from ocr_api.errors import OcrApiError
from ocr_api.settings import MIB, Settings, usable_cores
from ocr_api.store import JobStore, StoreLimits, audit, connect
from ocr_api.store.server_binary import find_server_binary
from ocr_api.webhooks.signing import read_secrets
from ocr_api.weights import Standing

_LITTLE_DISK_MIB = 1024


class Grade(StrEnum):
    """How a finding bears on the service."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        topic: What was looked at.
        grade: How it bears on the service.
        detail: What was found, and what to do.
    """

    topic: str
    grade: Grade
    detail: str


async def examine(settings: Settings) -> list[Finding]:
    """Looks at everything that the service needs; changes nothing."""
    catalog = load_catalog(settings.catalog_file)
    stand = await anyio.to_thread.run_sync(standings, settings, catalog)
    host = host_of(settings, stand)
    return [
        Finding("version", Grade.OK, f"ocr-api {__version__}, Python {sys.version.split()[0]}"),
        Finding("cores", Grade.OK, f"{usable_cores()} cores, {settings.reader_count} readers"),
        *await _store(settings),
        _disk(settings.data_dir),
        _gpu(host),
        _default(settings, catalog, host),
        *(_model(model_id, catalog, host) for model_id in catalog.known_ids),
        *(_weights(spec, stand[spec.id]) for spec in catalog.listed if spec.weights),
        _languages(settings),
        _callers(settings),
        _webhooks(settings),
    ]


async def audit_stores(settings: Settings) -> list[Finding]:
    """Compares all keys and files of a service; changes nothing.

    Raises:
        StoreUnavailableError: No service runs there.
    """
    async with opened_stores(settings) as stores:
        found = await audit(stores.redis, stores.store, stores.blobs)
    if not found:
        return [Finding("audit", Grade.OK, "no key and no file is orphaned or missing")]
    return [
        Finding(f"{wrong.kind} {wrong.subject}", Grade.FAILURE, wrong.detail) for wrong in found
    ]


def print_findings(findings: Sequence[Finding], *, as_json: bool) -> Outcome:
    """Prints the report; gives the exit code."""
    if as_json:
        sys.stdout.write(json.dumps([asdict(found) for found in findings], indent=2) + "\n")
    else:
        console = Console(highlight=False)
        colours = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.FAILURE: "red"}
        for found in findings:
            colour = colours.get(found.grade, "cyan")
            console.print(f"[{colour}]{found.grade:8}[/] {found.topic}: ", end="")
            console.print(found.detail, markup=False)
    has_failed = any(found.grade is Grade.FAILURE for found in findings)
    return Outcome.SOME_FAILED if has_failed else Outcome.DONE


async def _store(settings: Settings) -> list[Finding]:
    try:
        if settings.is_store_embedded:
            return [Finding("store", Grade.OK, f"embedded {find_server_binary().version}")]
        async with connect(settings.redis_address) as redis:
            store = JobStore(redis, StoreLimits())
            await store.ping()
            risks = await store.settings_at_risk()
    except OcrApiError as exc:
        return [Finding("store", Grade.FAILURE, exc.detail)]
    answers = Finding("store", Grade.OK, "the external server answers")
    return [answers, *(Finding("store's settings", Grade.WARNING, risk) for risk in risks)]


def _disk(data_dir: Path) -> Finding:
    existing = next(folder for folder in (data_dir, *data_dir.resolve().parents) if folder.exists())
    free_mib = shutil.disk_usage(existing).free // MIB
    if not os.access(existing, os.W_OK):
        return Finding("disk", Grade.FAILURE, f"{existing} is not writable; choose DATA_DIR")
    grade = Grade.OK if free_mib >= _LITTLE_DISK_MIB else Grade.WARNING
    return Finding("disk", grade, f"{free_mib} MiB free for {data_dir}")


def _gpu(host: Host) -> Finding:
    if host.has_gpu:
        return Finding("gpu", Grade.OK, "an NVIDIA driver is there")
    return Finding("gpu", Grade.NOTE, "no NVIDIA GPU was found; the CPU engines read")


def _default(settings: Settings, catalog: Catalog, host: Host) -> Finding:
    try:
        found = resolve_model(
            None,
            settings.default_model,
            settings.fallback_model,
            lambda model: catalog.availability(model, host),
        )
    except OcrApiError as exc:
        return Finding("default model", Grade.FAILURE, exc.detail)
    if found.warning is not None:
        return Finding("default model", Grade.WARNING, found.warning)
    return Finding("default model", Grade.OK, found.model)


def _model(model_id: str, catalog: Catalog, host: Host) -> Finding:
    found = catalog.availability(model_id, host)
    if found.is_available:
        detail = "chooses for each page" if model_id == AUTO else catalog.model(model_id).best_for
        return Finding(f"model {model_id}", Grade.OK, detail)
    return Finding(f"model {model_id}", Grade.NOTE, found.reason)


def _weights(spec: ModelSpec, standing: Standing) -> Finding:
    told = standing.hindrance or standing.note
    if standing.is_broken:
        return Finding(f"weights of {spec.id}", Grade.WARNING, told)
    grade = Grade.OK if standing.found is not None else Grade.NOTE
    return Finding(f"weights of {spec.id}", grade, told)


def _callers(settings: Settings) -> Finding:
    api_keys = ApiKeys.parse(settings.api_keys)
    if not api_keys.is_open:
        names = ", ".join(sorted(set(api_keys.names.values())))
        return Finding("callers", Grade.OK, f"with an API key, of {names}")
    detail = (
        "API_KEYS is not set here: whoever reaches an API with these settings may use it. A worker "
        "needs no keys; ask on the API's side"
    )
    return Finding("callers", Grade.NOTE, detail)


def _webhooks(settings: Settings) -> Finding:
    signer = read_secrets(settings.webhook_secret)
    if not signer.is_signing:
        detail = "deliveries go unsigned; set WEBHOOK_SECRET, so that receivers can trust them"
        return Finding("webhooks", Grade.WARNING, detail)
    allowed = ", ".join(settings.webhook_allowed_networks)
    reach = f"public addresses and {allowed}" if allowed else "public addresses only"
    return Finding("webhooks", Grade.OK, f"signed with {len(signer.keys)} secret(s); {reach}")


def _languages(settings: Settings) -> Finding:
    configured = () if settings.tessdata_prefix is None else (settings.tessdata_prefix,)
    found = sorted(find_languages(configured, environ=os.environ))
    return Finding("languages of Tesseract", Grade.OK, " ".join(found))

"""`ocr-api models pull`, `bundle` and `unbundle`: weights fetched and carried by hand."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import anyio.to_thread
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ocr_api.catalog import Catalog, Host, ModelSpec, WeightsSource, load_catalog, this_host
from ocr_api.errors import InvalidOptionError, StorageFullError, WeightsDownloadError
from ocr_api.messages import WeightsProgress
from ocr_api.settings import Settings
from ocr_api.weights import (
    DownloadRule,
    Standing,
    WeightsLookup,
    WeightsPlaces,
    find,
    is_offline,
    look_at_weights,
    make_bundle,
    open_bundle,
    weights_places,
)
from ocr_api.worker.weights_download import OnProgress, download_command, fetch_weights


def places_of(settings: Settings) -> WeightsPlaces:
    """Gives the folders in which weights are looked for."""
    return weights_places(settings.weights_dir, os.environ)


def standings(settings: Settings, catalog: Catalog) -> dict[str, Standing]:
    """Tells of each model how its weights stand; blocking."""
    lookup = WeightsLookup(places_of(settings))
    rule = DownloadRule.of(os.environ, allow_downloads=settings.allow_downloads)
    chosen = settings.quantization_of
    return {
        spec.id: look_at_weights(spec, lookup, rule, chosen.get(spec.id))
        for spec in catalog.models.values()
    }


def host_of(settings: Settings, stand: Mapping[str, Standing]) -> Host:
    """Gives what this machine offers, the weights as they stood when they were looked at."""
    return this_host(allows_cpu_models=settings.cpu_models).with_weights(
        lambda spec: stand[spec.id].hindrance
    )


async def pull(settings: Settings, model_id: str, *, update: bool) -> None:
    """Fetches a model's weights, or finds them; shows a bar on a terminal.

    `ALLOW_DOWNLOADS` is about what the service does by itself, and does not hinder this.

    Raises:
        UnknownModelError: No model has the id.
        InvalidOptionError: It has no weights of its own.
        WeightsDownloadError: They cannot be had; what has arrived is kept.
        WeightsBrokenError: The operator's own folder is damaged.
    """
    spec, _ = _with_weights(settings, model_id)
    if is_offline(os.environ):
        msg = "HF_HUB_OFFLINE=1 forbids the network: unset it, or bring the weights by a bundle."
        raise WeightsDownloadError(msg)
    command = download_command(os.environ, settings.child_start_timeout)
    with _bar(f"Fetching {model_id}") as show:
        done = await fetch_weights(command, spec, places_of(settings), show, update=update)
    commit = "" if done.revision is None else f", commit {done.revision}"
    typer.echo(f"{model_id}: {done.folder}{commit}")


async def bundle(settings: Settings, model_id: str, target: Path) -> None:
    """Writes a model's weights into a tar file, for a machine without a network.

    Raises:
        UnknownModelError: No model has the id.
        InvalidOptionError: It has no weights of its own.
        WeightsDownloadError: They are not on this machine.
        WeightsBrokenError: They are damaged.
        StorageFullError: The file cannot be written.
    """
    _, source = _with_weights(settings, model_id)
    places = places_of(settings)
    found = await anyio.to_thread.run_sync(find, model_id, source, places)
    if found is None:
        msg = f"The weights of '{model_id}' are not here; run `ocr-api models pull {model_id}`."
        raise WeightsDownloadError(msg)
    try:
        await anyio.to_thread.run_sync(make_bundle, model_id, source, found, places, target)
    except OSError as exc:
        msg = f"{target} cannot be written: {exc.strerror}."
        raise StorageFullError(msg) from exc
    typer.echo(f"{target}: unpack it with `ocr-api models unbundle`, or tar x into MODELS_DIR.")


async def unbundle(settings: Settings, source: Path) -> None:
    """Unpacks such a file into `MODELS_DIR` and verifies it.

    Raises:
        WeightsBrokenError: It is no bundle, or damaged.
        StorageFullError: It cannot be read, or the folder cannot be written.
    """
    places = places_of(settings)
    try:
        model_id = await anyio.to_thread.run_sync(open_bundle, source, places)
    except OSError as exc:
        msg = f"{exc.filename or places.models_dir}: {exc.strerror}."
        raise StorageFullError(msg) from exc
    typer.echo(f"{model_id}: {places.plain_folder(model_id)}")


def _with_weights(settings: Settings, model_id: str) -> tuple[ModelSpec, WeightsSource]:
    spec = load_catalog(settings.catalog_file).model(model_id)
    if spec.weights is None:
        msg = f"{spec.name} has no weights to fetch: what it needs comes with its packages."
        raise InvalidOptionError(msg)
    return spec, spec.weights


@contextmanager
def _bar(title: str) -> Generator[OnProgress]:
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task(title, total=None)

        def show(told: WeightsProgress) -> None:
            progress.update(bar, completed=told.done_bytes, total=told.total_bytes)

        yield show

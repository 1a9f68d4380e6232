"""`ocr-api models`: which models there are, and why one cannot run here."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from ocr_api.catalog import AUTO, Catalog, load_catalog
from ocr_api.cli.weights import host_of, standings
from ocr_api.settings import Settings
from ocr_api.weights import Standing


def print_models(settings: Settings) -> None:
    """Prints a table of the models as this machine sees them.

    Raises:
        SettingsError: The operator's catalog cannot be understood.
    """
    catalog = load_catalog(settings.catalog_file)
    stand = standings(settings, catalog)
    host = host_of(settings, stand)
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "runs here", "weights", "best for"):
        table.add_column(heading, overflow="fold")
    for model_id in catalog.known_ids:
        found = catalog.availability(model_id, host)
        marked = f"{model_id} (default)" if model_id == settings.default_model else model_id
        table.add_row(
            marked,
            "yes" if found.is_available else f"no: {found.reason}",
            _weights(catalog, model_id, stand.get(model_id, Standing())),
            _use(catalog, model_id),
        )
    Console(soft_wrap=False).print(table)


def _weights(catalog: Catalog, model_id: str, standing: Standing) -> str:
    if model_id == AUTO or catalog.model(model_id).weights is None:
        return ""
    if standing.is_broken:
        return "broken"
    if standing.found is None:
        return "not here"
    return "here, verified" if standing.is_verified else "here"


def _use(catalog: Catalog, model_id: str) -> str:
    if model_id == AUTO:
        return "chooses for each page by what is on it"
    return catalog.model(model_id).best_for

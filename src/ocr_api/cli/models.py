"""`ocr-api models`: which models there are, and why one cannot run here."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from ocr_api.catalog import AUTO, Catalog, Host


def print_models(catalog: Catalog, host: Host, default_model: str) -> None:
    """Prints a table of the models as this machine sees them."""
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "runs here", "best for"):
        table.add_column(heading, overflow="fold")
    for model_id in catalog.known_ids:
        found = catalog.availability(model_id, host)
        marked = f"{model_id} (default)" if model_id == default_model else model_id
        table.add_row(
            marked, "yes" if found.is_available else f"no: {found.reason}", _use(catalog, model_id)
        )
    Console(soft_wrap=False).print(table)


def _use(catalog: Catalog, model_id: str) -> str:
    if model_id == AUTO:
        return "chooses for each page by what is on it"
    return catalog.model(model_id).best_for

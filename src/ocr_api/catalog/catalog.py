"""The catalog: the built-in entries and the operator's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ocr_api.catalog.availability import Availability, Host, availability
from ocr_api.catalog.routing import RouteRule
from ocr_api.catalog.spec import ModelSpec
from ocr_api.errors import SettingsError, UnknownModelError

AUTO = "auto"
"""The id under which a page's model is chosen by what is on the page."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All models that this service knows, and the routing table of `auto`."""

    models: Mapping[str, ModelSpec]
    routes: tuple[RouteRule, ...]

    def model(self, model_id: str) -> ModelSpec:
        """Gives the entry with this id.

        Raises:
            UnknownModelError: None has it; the message lists those that exist.
        """
        try:
            return self.models[model_id]
        except KeyError as exc:
            raise self._unknown(model_id) from exc

    @property
    def listed(self) -> tuple[ModelSpec, ...]:
        """The entries that callers see, `auto` not among them."""
        return tuple(spec for spec in self.models.values() if not spec.hidden)

    @property
    def known_ids(self) -> tuple[str, ...]:
        """The ids that callers may name, `auto` first."""
        return (AUTO, *(spec.id for spec in self.listed))

    @property
    def routed_models(self) -> tuple[str, ...]:
        """The ids that `auto` may choose, in the table's order, each once."""
        routed = (model for rule in self.routes for tier in rule.tiers for model in tier)
        return tuple(dict.fromkeys(routed))

    def availability(self, model_id: str, host: Host) -> Availability:
        """Tells whether a model, or `auto`, can run on a host.

        Raises:
            UnknownModelError: No model has the id.
        """
        if model_id != AUTO:
            return availability(self.model(model_id), host)
        if any(
            availability(self.model(routed), host).is_available for routed in self.routed_models
        ):
            return Availability()
        return Availability("None of the models that auto chooses from can run.")

    def _unknown(self, model_id: str) -> UnknownModelError:
        known = ", ".join(self.known_ids)
        return UnknownModelError(
            f"There is no model '{model_id}'. Known: {known}.", allowed=list(self.known_ids)
        )


def load_catalog(operator_file: Path | None = None) -> Catalog:
    """Reads the built-in catalog and, over it, the operator's own file.

    Args:
        operator_file: TOML with tables `[models.<id>]` that add or override entries; where it
            has `[[routes]]`, they replace the built-in routing table.

    Raises:
        SettingsError: The operator's file cannot be read or understood.
    """
    built_in = tomllib.loads(
        resources.files("ocr_api.catalog").joinpath("catalog.toml").read_text(encoding="utf-8")
    )
    tables: dict[str, Mapping[str, object]] = dict(built_in["models"])
    routes = built_in["routes"]
    if operator_file is not None:
        own = _operator_file(operator_file)
        for model_id, entry in own.models.items():
            tables[model_id] = {**tables.get(model_id, {}), **entry}
        routes = own.routes or routes
    try:
        models = {model_id: _spec(model_id, entry) for model_id, entry in tables.items()}
        rules = TypeAdapter(tuple[RouteRule, ...]).validate_python(routes)
    except ValidationError as exc:
        first = exc.errors()[0]
        msg = f"{operator_file}: {'.'.join(map(str, first['loc']))}: {first['msg']}."
        raise SettingsError(msg) from exc
    _check_routes(rules, models)
    return Catalog(models, rules)


@dataclass(frozen=True, slots=True)
class _OperatorFile:
    models: dict[str, dict[str, object]] = field(default_factory=dict[str, dict[str, object]])
    routes: list[dict[str, object]] = field(default_factory=list[dict[str, object]])


def _operator_file(path: Path) -> _OperatorFile:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return TypeAdapter(_OperatorFile).validate_python(tables)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        msg = f"CATALOG_FILE {path} cannot be read: {exc}."
        raise SettingsError(msg) from exc
    except ValidationError as exc:
        msg = f"CATALOG_FILE {path}: write [models.<id>] for each model, [[routes]] for routing."
        raise SettingsError(msg) from exc


def _check_routes(rules: tuple[RouteRule, ...], models: Mapping[str, ModelSpec]) -> None:
    for model_id in Catalog(models, rules).routed_models:
        if model_id not in models:
            msg = f"CATALOG_FILE: a route names the model '{model_id}', which does not exist."
            raise SettingsError(msg)


def _spec(model_id: str, entry: Mapping[str, object]) -> ModelSpec:
    return TypeAdapter(ModelSpec).validate_python({"id": model_id, **entry})

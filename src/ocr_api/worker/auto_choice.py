"""Chooses the model of a page for `auto`: by what runs and is loaded, here and in other workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ocr_api.catalog import Catalog, Host, ModelsNow, RouteChoice, route
from ocr_api.pages import PageTraits
from ocr_api.worker.loaded_models import LoadedModels
from ocr_api.worker.reader_plan import ReaderPlan


class OtherWorkers(Protocol):
    """What the other live workers offer, as of their last heartbeats."""

    @property
    def servable(self) -> frozenset[str]:
        """Models that one of them reads pages with, be it slowly or once weights are fetched."""
        ...

    @property
    def ready(self) -> frozenset[str]:
        """Models whose weights one of them has, and that run there on the device they need."""
        ...

    @property
    def loaded(self) -> frozenset[str]:
        """Models that one of them has in memory."""
        ...


@dataclass(frozen=True, slots=True)
class NoOthers:
    """Stands in where there are no other workers, or nobody knows of them."""

    servable: frozenset[str] = frozenset()
    ready: frozenset[str] = frozenset()
    loaded: frozenset[str] = frozenset()


class AutoChoice:
    """Looks at the models whenever a page is to be routed.

    Args:
        catalog: With the routing table.
        host: What this machine offers.
        plan: How models are loaded here.
        models: Those of this worker.
        others: The other workers.
    """

    def __init__(
        self,
        catalog: Catalog,
        host: Host,
        plan: ReaderPlan,
        models: LoadedModels,
        others: OtherWorkers,
    ) -> None:
        self._catalog = catalog
        self._host = host
        self._plan = plan
        self._models = models
        self._others = others

    def choose(self, traits: PageTraits, languages: Sequence[str]) -> RouteChoice:
        """Gives the model for a page, and why; see `route`.

        Raises:
            ModelUnavailableError: No model of the routing table can run here or elsewhere.
        """
        now = ModelsNow(self._is_available, self._is_loaded, self._is_slow)
        return route(traits, self._catalog.routes, now, languages)

    def _is_available(self, model: str) -> bool:
        return model in self._others.servable or self._runs_here(model)

    def _is_loaded(self, model: str) -> bool:
        if model in self._others.loaded:
            return True
        state = self._models.state(model)
        return state.instances > 0 and not state.is_unloading

    def _is_slow(self, model: str) -> bool:
        if model in self._others.ready:
            return False
        spec = self._catalog.model(model)
        return self._plan.loading.runs_without_its_gpu(spec) or not self._runs_here(model)

    def _runs_here(self, model: str) -> bool:
        found = self._catalog.availability(model, self._host)
        return found.is_available and self._models.refusal(model) is None

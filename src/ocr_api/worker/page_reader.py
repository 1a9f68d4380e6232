"""Opens documents and reads pages with the children: render → inspect → route → read.

Knows nothing of jobs in a store, so that `ocr-api read` uses it without a server.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

import anyio
from anyio.abc import TaskGroup

from ocr_api.catalog import AUTO, Availability, Catalog, Host, RouteChoice
from ocr_api.jobs import PageResult
from ocr_api.messages import DocumentOpened
from ocr_api.pages import PageText, PageTraits
from ocr_api.store import ModelWhy
from ocr_api.worker.auto_choice import AutoChoice, NoOthers, OtherWorkers
from ocr_api.worker.child_pool import ChildPool
from ocr_api.worker.chosen_pages import ChosenPages, choose_pages
from ocr_api.worker.loaded_models import LoadedModels, ModelState
from ocr_api.worker.page_steps import (
    PageSource,
    RenderedPage,
    inspect_page,
    open_document,
    render_page,
)
from ocr_api.worker.page_ticket import PageOrder, TextSink
from ocr_api.worker.reader_plan import ReaderPlan

_DOCUMENT_CHILD_REQUESTS = 1000
"""A document child is replaced after so many openings and pages: no leak of a decoder grows."""

_LEAST_S = 0.01
"""A page whose time is over is still asked for, so that its child's end is told as usual."""


@dataclass(frozen=True, slots=True)
class RoutedPage:
    """A page that is ready to be read.

    Attributes:
        page: The decoded page.
        traits: What the inspector saw; None = not inspected.
        choice: The model that reads it, and why.
        started_at: `time.monotonic()` at the start of decoding.
        left_s: Seconds that reading it may take.
    """

    page: RenderedPage
    traits: PageTraits | None
    choice: RouteChoice
    started_at: float
    left_s: float


@asynccontextmanager
async def opened_reader(
    plan: ReaderPlan, catalog: Catalog, host: Host, others: OtherWorkers | None = None
) -> AsyncGenerator[PageReader]:
    """Gives a reader for the time of the context; its children end with it.

    Args:
        plan: How pages are read.
        catalog: The models.
        host: What this machine offers.
        others: The other workers, to whom pages may be handed on; None = there are none.
    """
    failure: BaseException | None = None
    async with anyio.create_task_group() as tasks:
        reader = PageReader(plan, catalog, host, tasks, others or NoOthers())
        try:
            yield reader
        except Exception as exc:  # noqa: BLE001 - raised again outside, not as part of a group
            failure = exc
        finally:
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await reader.close()
    if failure is not None:
        raise failure


class PageReader:
    """The children of one worker, and the order in which they work on a page.

    Args:
        plan: How pages are read.
        catalog: The models.
        host: What this machine offers.
        tasks: Where pages that wait together are read; see `opened_reader`.
        others: The other workers.
    """

    def __init__(
        self,
        plan: ReaderPlan,
        catalog: Catalog,
        host: Host,
        tasks: TaskGroup,
        others: OtherWorkers,
    ) -> None:
        self.plan = plan
        self._catalog = catalog
        self._host = host
        self._documents = ChildPool(
            plan.command("ocr_api.child.document_process", {}, plan.document_arguments),
            size=plan.readers,
            max_requests=_DOCUMENT_CHILD_REQUESTS,
        )
        self._inspectors = ChildPool(
            plan.command("ocr_api.child.inspect_process", plan.environment), size=plan.readers
        )
        self._models = LoadedModels(plan, catalog, host, tasks)
        self._auto = AutoChoice(catalog, host, plan, self._models, others)

    async def open(self, source: PageSource) -> DocumentOpened:
        """Opens a document and counts its pages; `source.page_number` does not matter.

        Raises:
            DocumentError: The file is at fault.
        """
        return await open_document(self._documents, source, self.plan.document_limits)

    def choose_pages(self, source: PageSource, pages_total: int) -> ChosenPages:
        """Gives the pages of a document that are to be read; see `choose_pages`."""
        return choose_pages(source.options.pages, pages_total, self.plan.document_limits.max_pages)

    async def read(self, source: PageSource, model: str) -> PageResult:
        """Reads one page from beginning to end.

        Raises:
            DocumentError: The file is at fault.
            ReadError: The page could not be read.
        """
        routed = await self.prepare(source, model)
        with routed.page.files:
            return await self.finish(source, routed)

    async def prepare(self, source: PageSource, model: str) -> RoutedPage:
        """Decodes and inspects a page and chooses its model.

        The caller closes `page.files` of what it gets.
        """
        started_at = time.monotonic()
        with nullcontext() if model == AUTO else self._models.batcher(model).expecting():
            page = await render_page(self._documents, source, self.plan.document_limits)
            try:
                left_s = self._left_s(source, model, started_at)
                traits = await self._inspect(page, model, source.options.languages, left_s)
                choice = self._choose(source, model, traits)
                left_s = self._left_s(source, model, started_at, choice.model)
                return RoutedPage(page, traits, choice, started_at, left_s)
            except BaseException:
                page.files.close()
                raise

    async def finish(
        self, source: PageSource, routed: RoutedPage, sink: TextSink | None = None
    ) -> PageResult:
        """Reads a prepared page.

        Args:
            source: As it was prepared from.
            routed: What `prepare` gave.
            sink: Takes the text of a generating model while it comes; None = nobody asks.
        """
        text = await self._read(source, routed, sink)
        return PageResult(
            page_number=source.page_number,
            model=routed.choice.model,
            text=text,
            traits=routed.traits,
            route_reason=routed.choice.reason or None,
            duration_s=time.monotonic() - routed.started_at,
            warnings=(*routed.page.warnings, *text.warnings),
        )

    async def load(self, model: str, why: ModelWhy = ModelWhy.WISH) -> None:
        """Loads a model ahead of its first page; see `LoadedModels.load`."""
        await self._models.load(model, why)

    async def unload(self, model: str) -> bool:
        """Ends a model's processes once its pages in work are read; see `LoadedModels.unload`."""
        return await self._models.unload(model)

    @property
    def models(self) -> LoadedModels:
        """The models of this reader."""
        return self._models

    def state(self, model: str) -> ModelState:
        """Gives what became of loading a model last."""
        return self._models.state(model)

    def availability(self, model: str) -> Availability:
        """Tells whether a model can run here."""
        return self._catalog.availability(model, self._host)

    def is_slow(self, model: str) -> bool:
        """Tells whether a model that is made for a GPU runs on the processor here."""
        return self.plan.loading.runs_without_its_gpu(self._catalog.model(model))

    async def warm(self) -> None:
        """Starts the children that every page needs, ahead of the first page."""
        await self._documents.warm()
        await self._inspectors.warm()

    async def close(self) -> None:
        """Ends all children."""
        for pool in (self._documents, self._inspectors, *self._models.pools().values()):
            await pool.close()

    def children(self) -> Mapping[str, tuple[int, ...]]:
        """Gives the process ids of the living children: `documents`, `inspection`, each model."""
        own = {"documents": self._documents, "inspection": self._inspectors}
        pools = {**own, **self._models.pools()}
        return {name: tuple(child.pid for child in pool.children) for name, pool in pools.items()}

    def _left_s(
        self, source: PageSource, claimed: str, started_at: float, model: str | None = None
    ) -> float:
        """Gives the seconds left to a page; one that `auto` routed gets its model's allowance.

        Args:
            source: The page.
            claimed: The model, or `auto`, by which `source.left_s` was reckoned.
            started_at: When work on it began.
            model: What reads it; None = not known yet.
        """
        allowed_s = self._timeout_s(claimed)
        left_s = allowed_s if source.left_s is None else source.left_s
        more_s = self._timeout_s(model or claimed) - allowed_s
        return max(_LEAST_S, left_s + more_s - (time.monotonic() - started_at))

    def _timeout_s(self, model: str) -> float:
        if model == AUTO:
            return self.plan.page_timeout_s
        return self.plan.timeout_s(self._catalog.model(model))

    async def _inspect(
        self, page: RenderedPage, model: str, languages: tuple[str, ...], timeout_s: float
    ) -> PageTraits | None:
        if model != AUTO and not self._catalog.model(model).inspect:
            return None
        return await inspect_page(self._inspectors, page, languages, timeout_s)

    def _choose(self, source: PageSource, model: str, traits: PageTraits | None) -> RouteChoice:
        if model != AUTO:
            return RouteChoice(model, source.route_reason)
        return self._auto.choose(traits or PageTraits(), source.options.languages)

    async def _read(
        self, source: PageSource, routed: RoutedPage, sink: TextSink | None
    ) -> PageText:
        traits = routed.traits or PageTraits()
        image = routed.page.image
        if traits.is_blank:
            return PageText(image.width_px, image.height_px)
        spec = self._catalog.model(routed.choice.model)
        options = source.options
        order = PageOrder(
            image,
            next(iter(routed.page.files.descriptors)),
            traits,
            options.languages,
            options.prompt_mode if options.prompt_mode in spec.prompt_modes else None,
            options.prompt if spec.allows_prompt else None,
            source.attempt,
            routed.left_s,
            sink if spec.instances else None,
        )
        return await self._models.batcher(spec.id).read(order)

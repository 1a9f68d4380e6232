"""Opens documents and reads pages with the children: render → inspect → route → read.

Knows nothing of jobs in a store, so that `ocr-api read` uses it without a server.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import anyio

from ocr_api.catalog import AUTO, Catalog, Host, ModelSpec, RouteChoice, route
from ocr_api.errors import ModelLoadError, ModelUnavailableError
from ocr_api.jobs import PageResult
from ocr_api.messages import DocumentOpened, LoadModel
from ocr_api.pages import PageText, PageTraits
from ocr_api.worker.child_pool import ChildPool
from ocr_api.worker.child_process import ChildCommand, ChildProcess
from ocr_api.worker.chosen_pages import ChosenPages, choose_pages
from ocr_api.worker.page_steps import (
    DocumentLimits,
    PageSource,
    RenderedPage,
    expect_ready,
    inspect_page,
    open_document,
    read_page,
    render_page,
)

_DOCUMENT_CHILD_REQUESTS = 1000
"""A document child is replaced after so many openings and pages: no leak of a decoder grows."""

_LEAST_S = 0.01
"""A page whose time is over is still asked for, so that its child's end is told as usual."""


@dataclass(frozen=True, slots=True)
class ReaderPlan:
    """How pages are read on this machine.

    Attributes:
        readers: Pages read at the same time.
        document_limits: Bounds of decoding.
        document_arguments: Arguments of the document child's sandbox.
        page_timeout_s: Seconds that inspecting and reading a page may take.
        child_start_timeout_s: Seconds in which a child must be up.
        load_timeout_s: Seconds in which a model must be loaded.
        environment: Environment of the children that inspect and read.
    """

    readers: int
    document_limits: DocumentLimits
    document_arguments: tuple[str, ...]
    page_timeout_s: float
    child_start_timeout_s: float
    load_timeout_s: float
    environment: Mapping[str, str]


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


class PageReader:
    """The children of one worker, and the order in which they work on a page."""

    def __init__(self, plan: ReaderPlan, catalog: Catalog, host: Host) -> None:
        self._plan = plan
        self._catalog = catalog
        self._host = host
        self._documents = ChildPool(
            self._command(
                "ocr_api.child.document_process",
                arguments=plan.document_arguments,
                environment={},
            ),
            size=plan.readers,
            max_requests=_DOCUMENT_CHILD_REQUESTS,
        )
        self._inspectors = ChildPool(
            self._command("ocr_api.child.inspect_process"), size=plan.readers
        )
        self._reading = anyio.CapacityLimiter(plan.readers)
        self._models: dict[str, ChildPool] = {}

    async def open(self, source: PageSource) -> DocumentOpened:
        """Opens a document and counts its pages; `source.page_number` does not matter.

        Raises:
            DocumentError: The file is at fault.
        """
        return await open_document(self._documents, source, self._plan.document_limits)

    def choose_pages(self, source: PageSource, pages_total: int) -> ChosenPages:
        """Gives the pages of a document that are to be read; see `choose_pages`."""
        return choose_pages(source.options.pages, pages_total, self._plan.document_limits.max_pages)

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
        page = await render_page(self._documents, source, self._plan.document_limits)
        try:
            traits = await self._inspect(page, model, self._left_s(source, started_at))
            left_s = self._left_s(source, started_at)
            return RoutedPage(page, traits, self._choose(model, traits), started_at, left_s)
        except BaseException:
            page.files.close()
            raise

    async def finish(self, source: PageSource, routed: RoutedPage) -> PageResult:
        """Reads a prepared page."""
        text = await self._read(source, routed)
        return PageResult(
            page_number=source.page_number,
            model=routed.choice.model,
            text=text,
            traits=routed.traits,
            route_reason=routed.choice.reason or None,
            duration_s=time.monotonic() - routed.started_at,
            warnings=(*routed.page.warnings, *text.warnings),
        )

    async def load(self, model: str) -> None:
        """Loads a model ahead of its first page; does nothing where it is loaded.

        Raises:
            ReadError: It cannot be loaded.
            ModelUnavailableError: It cannot run here.
        """
        pool = self._model_pool(model)
        if not pool.children:
            await pool.warm()

    async def warm(self) -> None:
        """Starts the children that every page needs, ahead of the first page."""
        await self._documents.warm()
        await self._inspectors.warm()

    async def close(self) -> None:
        """Ends all children."""
        for pool in (self._documents, self._inspectors, *self._models.values()):
            await pool.close()

    def children(self) -> Mapping[str, tuple[int, ...]]:
        """Gives the process ids of the living children: `documents`, `inspection`, each model."""
        pools = {"documents": self._documents, "inspection": self._inspectors, **self._models}
        return {name: tuple(child.pid for child in pool.children) for name, pool in pools.items()}

    def _left_s(self, source: PageSource, started_at: float) -> float:
        allowed_s = self._plan.page_timeout_s if source.left_s is None else source.left_s
        return max(_LEAST_S, allowed_s - (time.monotonic() - started_at))

    async def _inspect(self, page: RenderedPage, model: str, timeout_s: float) -> PageTraits | None:
        if model != AUTO and not self._catalog.model(model).inspect:
            return None
        return await inspect_page(self._inspectors, page, timeout_s)

    def _choose(self, model: str, traits: PageTraits | None) -> RouteChoice:
        if model != AUTO:
            return RouteChoice(model, "")
        return route(traits or PageTraits(), self._catalog.routes, self._can_run)

    def _can_run(self, model: str) -> bool:
        return self._catalog.availability(model, self._host).is_available

    async def _read(self, source: PageSource, routed: RoutedPage) -> PageText:
        traits = routed.traits or PageTraits()
        if traits.is_blank:
            image = routed.page.image
            return PageText(image.width_px, image.height_px)
        pool = self._model_pool(routed.choice.model)
        async with self._reading:
            return await read_page(pool, routed.page, traits, source, routed.left_s)

    def _model_pool(self, model: str) -> ChildPool:
        if model not in self._models:
            spec = self._catalog.model(model)
            found = self._catalog.availability(model, self._host)
            if not found.is_available:
                raise ModelUnavailableError(found.reason, model=model)
            self._models[model] = ChildPool(
                self._command("ocr_api.child.model_process"),
                size=self._plan.readers,
                prepare=self._loader(spec),
            )
        return self._models[model]

    def _loader(self, spec: ModelSpec) -> Callable[[ChildProcess], Awaitable[None]]:
        async def load(child: ChildProcess) -> None:
            request = LoadModel(spec.engine, spec.settings)
            try:
                answer, files = await child.request(request, timeout_s=self._plan.load_timeout_s)
            except TimeoutError as exc:
                msg = f"{spec.name} was not loaded within {self._plan.load_timeout_s:g} s."
                raise ModelLoadError(msg) from exc
            files.close()
            expect_ready(answer)

        return load

    def _command(
        self,
        module: str,
        *,
        arguments: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> ChildCommand:
        chosen = self._plan.environment if environment is None else environment
        return ChildCommand(module, arguments, chosen, self._plan.child_start_timeout_s)


def child_environment(environment: Mapping[str, str], readers: int, cores: int) -> dict[str, str]:
    """Gives the environment of the children that inspect and read.

    One thread a process: several processes read side by side, and a thread team in each would
    fight over the same cores. Only what libraries need is passed on.

    Args:
        environment: The parent's.
        readers: Pages read at the same time.
        cores: Processor cores that they share.
    """
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TESSDATA_PREFIX", "LD_LIBRARY_PATH")
    threads = str(max(1, cores // readers))
    passed = {name: environment[name] for name in kept if name in environment}
    passed["HF_HUB_OFFLINE"] = "1"  # what engines load lies here; no library is to look elsewhere
    return {**passed, "OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": threads}

"""Reads the pages that wait together for one model as one batch."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import anyio
from anyio.abc import TaskGroup

from ocr_api.errors import EngineError, OcrApiError
from ocr_api.messages import MAX_FILES
from ocr_api.observability import get_logger
from ocr_api.pages import PageText
from ocr_api.worker.batch import Batch, BatchEnd
from ocr_api.worker.child_pool import ChildPool
from ocr_api.worker.page_ticket import PageOrder, PageTicket

_log = get_logger(__name__)
_GATHER_S = 0.3
"""How long a batch waits for pages that are on their way to it: short beside a batch's reading."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """How a model reads.

    Attributes:
        pages: Most pages in one batch.
        instances: Children that read side by side.
        grace_s: Seconds in which a child must heed an order to stop.
        keeps_loading: A load goes on although nobody waits for it any more.
    """

    pages: int
    instances: int
    grace_s: float
    keeps_loading: bool


class Batcher:
    """The pages that wait for one model.

    Pages that are asked for while all children are reading form the next batches. One that
    arrives first is read first, together with those behind it that can be asked for in the same
    request.

    Args:
        pool: The model's children, as many as it has instances.
        plan: How it reads.
        tasks: Where batches run, so that none depends on the caller of one page.
        readers: Bounds reading over all models that share the processor; None = the model has
            its own device or share.
        on_peak: Hears after a batch the most that its child has taken so far, in MiB.
    """

    def __init__(
        self,
        pool: ChildPool,
        plan: BatchPlan,
        tasks: TaskGroup,
        readers: anyio.CapacityLimiter | None = None,
        on_peak: Callable[[int], None] | None = None,
    ) -> None:
        self.pool = pool
        self._plan = plan
        self._most = min(plan.pages, MAX_FILES)
        self._tasks = tasks
        self._readers = readers
        self._on_peak = on_peak
        self._waiting: list[PageTicket] = []
        self._on_their_way = 0
        self._asked = 0
        self._running = 0
        self._idle: list[anyio.Event] = []
        self._news = anyio.Event()
        self._borrowing: set[anyio.CancelScope] = set()

    @property
    def is_busy(self) -> bool:
        """Pages wait, are being read, or will soon be asked for."""
        return self._asked > 0 or self._on_their_way > 0

    async def read(self, order: PageOrder) -> PageText:
        """Reads one page, together with others where they wait too.

        Cancelling this ends the page within the grace and leaves the others of its batch alone.

        Raises:
            ReadError: The model could not be loaded, or could not read the page.
        """
        ticket = PageTicket(order)
        self._waiting.append(ticket)
        self._news.set()
        if self._idle:
            self._idle.pop().set()
        elif self._running < self._plan.instances:
            self._running += 1
            self._tasks.start_soon(self._run)
        self._asked += 1
        try:
            return await ticket.outcome()
        finally:
            self._asked -= 1
            self._forget_gone()

    @contextmanager
    def expecting(self) -> Generator[None]:
        """Announces a page that will soon be asked for; a batch waits a moment for it."""
        self._on_their_way += 1
        try:
            yield
        finally:
            self._on_their_way -= 1
            self._news.set()

    async def _run(self) -> None:
        """Reads batches for ever; one such task for each child."""
        while True:
            while self._waiting:
                async with self._readers or nullcontext():
                    end = await self._read_next() if self._waiting else BatchEnd()
                self._waiting[:0] = [ticket for ticket in end.again if not ticket.is_gone]
                if self._on_peak is not None and end.peak_mib is not None:
                    self._on_peak(end.peak_mib)
                end.settle()
            wake = anyio.Event()
            self._idle.append(wake)
            await wake.wait()

    async def _read_next(self) -> BatchEnd:
        taken: list[PageTicket] = []
        scope = anyio.CancelScope()
        try:
            # Given up while a child is still being loaded, where nobody waits for it any more.
            with scope:
                self._borrowing.add(scope)
                async with self.pool.borrow() as child:
                    self._borrowing.discard(scope)
                    await self._gather()
                    taken = self._take()
                    if taken:
                        _log.debug("batch_begins", pid=child.pid, pages=len(taken))
                        return await Batch(taken, self._plan.grace_s, self._tasks).read(child)
        except OcrApiError as exc:
            return _all_failed(taken or self._take(), exc)
        except Exception as exc:  # noqa: BLE001 - the border of the task: logged and told
            _log.exception("batch_failed_unexpectedly")
            error = EngineError(f"Unexpected {type(exc).__name__}; see the worker's log.")
            return _all_failed(taken or self._take(), error)
        finally:
            self._borrowing.discard(scope)
        return BatchEnd()

    async def _gather(self) -> None:
        if not self._on_their_way:
            return
        with anyio.move_on_after(_GATHER_S):
            while self._on_their_way and len(self._waiting) < self._most:
                self._news = anyio.Event()
                await self._news.wait()

    def _take(self) -> list[PageTicket]:
        """Takes the page that waits longest, and those that can be read with it."""
        taken: list[PageTicket] = []
        most: float = self._most
        for ticket in tuple(self._waiting):
            most_with_it = min(most, ticket.most)
            fits = not taken or ticket.order.fits(taken[0].order)
            if fits and len(taken) < most_with_it:
                taken.append(ticket)
                most = most_with_it
                self._waiting.remove(ticket)
        return taken

    def _forget_gone(self) -> None:
        self._waiting = [ticket for ticket in self._waiting if not ticket.is_gone]
        if not self._waiting and not self._plan.keeps_loading:
            for scope in self._borrowing:
                scope.cancel()


def _all_failed(tickets: list[PageTicket], error: OcrApiError) -> BatchEnd:
    return BatchEnd(tuple((ticket, error) for ticket in tickets))

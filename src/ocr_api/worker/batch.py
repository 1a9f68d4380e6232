"""Reads pages together in one child, and ends those that nobody waits for or whose time is over."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import anyio
from anyio.abc import TaskGroup

from ocr_api.errors import (
    ChildDiedError,
    EngineError,
    EngineMemoryError,
    OcrApiError,
    PageTimeoutError,
)
from ocr_api.messages import Failed, Message, PagesRead, ReadPages, StopReading, TextRead
from ocr_api.pages import PageText
from ocr_api.worker.child_process import ChildProcess, Files
from ocr_api.worker.page_ticket import PageTicket

_NEAR_S = 5.0
"""Pages whose time is over within this of each other are equally suspect of having stuck."""

_STOPPED = "stopped"  # the flag, see PageText


@dataclass(frozen=True, slots=True)
class BatchEnd:
    """What became of the pages of a batch.

    Attributes:
        outcomes: Of the pages that have ended.
        again: Pages to be read again, uncharged; their `most` says how many may go together.
        peak_mib: The most that the child has taken so far; None = unknown.
    """

    outcomes: tuple[tuple[PageTicket, PageText | OcrApiError], ...] = ()
    again: tuple[PageTicket, ...] = ()
    peak_mib: int | None = None

    def settle(self) -> None:
        """Tells the pages that have ended; call it once the child is free again."""
        for ticket, outcome in self.outcomes:
            ticket.end(outcome)


class Batch:
    """Pages that are read in one request.

    A page ends early where its caller has gone or its time is over: the child is told, and the
    others go on. A child that shows no sign of life within the grace after that is stuck, and is
    killed: that is how the end of the work is made certain.

    Args:
        tickets: The pages, at least one; they fit each other.
        grace_s: Seconds in which a child must heed an order to stop.
        tasks: Where pages are stopped while the others are read.
    """

    def __init__(self, tickets: Sequence[PageTicket], grace_s: float, tasks: TaskGroup) -> None:
        self._tickets = tuple(tickets)
        self._grace_s = grace_s
        self._tasks = tasks
        self._told: set[int] = set()
        self._reading = anyio.CancelScope()
        self._stopping: anyio.CancelScope | None = None
        self._life = anyio.Event()

    async def read(self, child: ChildProcess) -> BatchEnd:
        """Has the pages read; a child that is stuck is killed."""
        answer: Message | ChildDiedError | None = None
        with Files([os.dup(ticket.order.descriptor) for ticket in self._tickets]) as files:
            for ticket in self._tickets:
                ticket.begin(partial(self._stop_due, child))
            try:
                with self._reading:
                    answer = await self._ask(child, files)
            finally:
                end = self._end(answer)
                for ticket in self._tickets:
                    ticket.pause()
                if self._stopping is not None:
                    self._stopping.cancel()
        return end

    async def _ask(self, child: ChildProcess, pixels: Files) -> Message | ChildDiedError:
        try:
            answer, files = await child.request(
                self._request(), pixels.descriptors, timeout_s=None, on_text=self._take_text
            )
        except ChildDiedError as exc:
            return exc
        files.close()
        return answer

    def _request(self) -> ReadPages:
        orders = [ticket.order for ticket in self._tickets]
        return ReadPages(
            tuple(order.image for order in orders),
            tuple(order.traits for order in orders),
            orders[0].languages,
            orders[0].prompt_mode,
            orders[0].prompt,
            {"attempt": orders[0].attempt},
        )

    def _take_text(self, read: TextRead) -> None:
        self._life.set()
        if 0 <= read.index < len(self._tickets):
            self._tickets[read.index].add_text(read.text)

    def _stop_due(self, child: ChildProcess) -> None:
        """Begins to stop pages, unless that is under way."""
        if self._stopping is None:
            self._stopping = anyio.CancelScope()
            self._tasks.start_soon(self._stop, child, self._stopping)

    async def _stop(self, child: ChildProcess, scope: anyio.CancelScope) -> None:
        """Tells the child what to stop, and gives it up where it does not heed."""
        with scope:
            # Not once the answer is there: the order would hit the pages of the next request.
            while not scope.cancel_called and (due := self._due()):
                self._told |= due
                self._life = anyio.Event()
                await child.tell(StopReading(tuple(sorted(due))))
                if not await self._lives():
                    self._reading.cancel()
                    return
        if not scope.cancel_called:
            self._stopping = None

    async def _lives(self) -> bool:
        """Waits for a sign of life; where no page goes on, only the answer is one."""
        with anyio.move_on_after(self._grace_s):
            if len(self._told) == len(self._tickets):
                await anyio.sleep_forever()
            await self._life.wait()
            return True
        return False

    def _due(self) -> set[int]:
        """Gives the pages that are to be stopped and were not yet."""
        return {
            index
            for index, ticket in enumerate(self._tickets)
            if (ticket.is_gone or ticket.is_late) and index not in self._told
        }

    def _end(self, answer: Message | ChildDiedError | None) -> BatchEnd:
        match answer:
            case PagesRead() if len(answer.texts) == len(self._tickets):
                return self._end_of_read(answer)
            case None:
                return self._end_of_stuck()
            case ChildDiedError():
                return self._end_of_failed(answer)
            case Failed():
                return self._end_of_failed(answer.to_error())
            case _:
                return self._end_of_failed(EngineError(f"A child answered '{answer.kind}'."))

    def _end_of_read(self, answer: PagesRead) -> BatchEnd:
        outcomes = tuple(
            (ticket, _too_slow(ticket))
            if ticket.is_late and _STOPPED in text.flags
            else (ticket, text)
            for ticket, text in zip(self._tickets, answer.texts, strict=True)
        )
        return BatchEnd(outcomes, peak_mib=answer.peak_mib)

    def _end_of_stuck(self) -> BatchEnd:
        """The pages whose time was over are at fault; where all are, each is tried alone."""
        soon = anyio.current_time() + _NEAR_S
        if len(self._tickets) > 1 and all(
            ticket.is_late or ticket.deadline <= soon for ticket in self._tickets
        ):
            return self._each_alone()
        late = tuple(ticket for ticket in self._tickets if ticket.is_late)
        return BatchEnd(
            tuple((ticket, _too_slow(ticket)) for ticket in late),
            tuple(ticket for ticket in self._waited_for() if ticket not in late),
        )

    def _end_of_failed(self, error: OcrApiError) -> BatchEnd:
        """Tells a page that failed by itself from one of many, any of which may be at fault."""
        if len(self._tickets) == 1:
            return BatchEnd(((self._tickets[0], error),))
        if isinstance(error, EngineMemoryError):
            for ticket in self._tickets:
                ticket.most = max(1, len(self._tickets) // 2)
            return BatchEnd(again=self._waited_for())
        return self._each_alone()

    def _each_alone(self) -> BatchEnd:
        for ticket in self._tickets:
            ticket.most = 1
        return BatchEnd(again=self._waited_for())

    def _waited_for(self) -> tuple[PageTicket, ...]:
        return tuple(ticket for ticket in self._tickets if not ticket.is_gone)


def _too_slow(ticket: PageTicket) -> PageTimeoutError:
    limit_s = ticket.order.left_s
    msg = (
        "The page took longer than it may, its earlier attempts included; it was stopped after "
        f"{limit_s:.3g} s. See JOB_TIMEOUT and CPU_MODEL_TIMEOUT."
    )
    return PageTimeoutError(msg, limit=limit_s)

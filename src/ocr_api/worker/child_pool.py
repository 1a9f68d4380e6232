"""Children of one kind, kept warm between requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from ocr_api.worker.child_process import ChildCommand, ChildProcess


class ChildPool:
    """Lends children, starts them when needed, drops the dead and recycles the old.

    Args:
        command: How a child is started.
        size: Most children at one time.
        prepare: Called with each fresh child before it is lent, e.g. to load a model.
        max_requests: A child is replaced after so many requests; None = never.
    """

    def __init__(
        self,
        command: ChildCommand,
        *,
        size: int,
        prepare: Callable[[ChildProcess], Awaitable[None]] | None = None,
        max_requests: int | None = None,
    ) -> None:
        self._command = command
        self._limiter = anyio.CapacityLimiter(size)
        self._prepare = prepare
        self._max_requests = max_requests
        self._idle: list[ChildProcess] = []
        self._busy: set[ChildProcess] = set()

    @property
    def children(self) -> tuple[ChildProcess, ...]:
        """All living children."""
        return tuple(child for child in (*self._idle, *self._busy) if child.is_running)

    @asynccontextmanager
    async def borrow(self, subject: str = "") -> AsyncGenerator[ChildProcess]:
        """Lends a child for the time of the context, after waiting for one to be free.

        Args:
            subject: What the child will work on; one that worked on it last is preferred.

        Raises:
            ChildDiedError: A child could not be started.
        """
        async with self._limiter:
            child = await self._take(subject)
            child.subject = subject
            self._busy.add(child)
            try:
                yield child
            finally:
                self._busy.discard(child)
                await self._give_back(child)

    async def warm(self) -> None:
        """Starts a first child ahead of its first request."""
        async with self.borrow():
            pass

    async def close(self) -> None:
        """Ends all children, the busy ones too."""
        while self._idle:
            await self._idle.pop().kill()
        for child in tuple(self._busy):
            await child.kill()

    async def _take(self, subject: str) -> ChildProcess:
        # Stable: among the others the one used last comes first, so that few stay warm.
        self._idle.sort(key=lambda child: bool(subject) and child.subject == subject)
        while self._idle:
            child = self._idle.pop()
            if child.is_running:
                return child
            await child.kill()
        child = await ChildProcess.start(self._command)
        if self._prepare is not None:
            try:
                await self._prepare(child)
            except BaseException:
                await child.kill()
                raise
        return child

    async def _give_back(self, child: ChildProcess) -> None:
        is_old = self._max_requests is not None and child.requests_done >= self._max_requests
        if child.is_running and not is_old:
            self._idle.append(child)
        else:
            await child.kill()

"""Answers that are being held; all are let go at once when the service stops."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio


class HeldAnswers:
    """Bounds every wait of a held answer, by time and by the life of the service."""

    def __init__(self) -> None:
        self._scopes: set[anyio.CancelScope] = set()
        self._is_stopping = False

    @property
    def is_stopping(self) -> bool:
        """The service stops: hold nothing any more."""
        return self._is_stopping

    def let_go(self) -> None:
        """Ends all waits, those to come too."""
        self._is_stopping = True
        for scope in self._scopes:
            scope.cancel()

    async def wait(self, seconds: float, wait: Callable[[], Awaitable[object]]) -> None:
        """Waits until `wait` returns, the time is over, or the service stops."""
        if self._is_stopping:
            return
        with anyio.move_on_after(seconds) as scope:
            self._scopes.add(scope)
            try:
                await wait()
            finally:
                self._scopes.discard(scope)

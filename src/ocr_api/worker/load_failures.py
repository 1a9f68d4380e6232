"""What is known of models that could not be loaded, and when they are tried again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 300.0
_TRIES = 3
"""Failures in a row after which pages of the model fail with the reason, and wait no longer."""
_TOLD_S = 60.0
"""So long a failure is told where nothing else is known, unless the model is tried again."""


@dataclass(slots=True)
class _Failure:
    reason: str
    at_s: float
    in_a_row: int = 0
    try_at_s: float = 0.0


class LoadFailures:
    """The circuit breaker of loading.

    After a failure a model is left alone for 1 s, after each further one for twice as long, up to
    5 minutes. Its pages wait through the first two pauses. From the third failure on they fail at
    once with the reason, until the pause is over and the next page has it tried again.

    Args:
        clock: Seconds by any clock.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[str, _Failure] = {}

    def tell(self, model: str, reason: str) -> None:
        """Notes why a model could not be loaded, without a pause."""
        known = self._failures.setdefault(model, _Failure(reason, 0.0))
        known.reason, known.at_s = reason, self._clock()

    def count(self, model: str, reason: str) -> None:
        """Notes that a model could not be loaded; it is left alone for a while."""
        self.tell(model, reason)
        failure = self._failures[model]
        failure.in_a_row += 1
        wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (failure.in_a_row - 1))
        failure.try_at_s = self._clock() + wait_s

    def forget(self, model: str) -> None:
        """Notes that it was loaded."""
        self._failures.pop(model, None)

    def told(self, model: str) -> str:
        """Gives why it could not be loaded lately; empty = it could, or nobody tried."""
        failure = self._failures.get(model)
        if failure is None:
            return ""
        is_recent = self._clock() < max(failure.at_s + _TOLD_S, failure.try_at_s)
        return failure.reason if is_recent else ""

    def is_paused(self, model: str) -> bool:
        """The model is left alone for now."""
        failure = self._failures.get(model)
        return failure is not None and self._clock() < failure.try_at_s

    def refusal(self, model: str) -> str:
        """Gives why pages of the model are to fail at once; empty = they aren't."""
        failure = self._failures.get(model)
        is_over = failure is not None and failure.in_a_row >= _TRIES and self.is_paused(model)
        return failure.reason if failure is not None and is_over else ""

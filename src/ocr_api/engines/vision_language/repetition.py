"""Finds answers that go round in circles. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_LEAST_ROUNDS = 8
_LEAST_TOKENS = 128
"""Leaders of dots, rules of tables and empty cells repeat themselves too, but not for so long."""
_LONG_PERIOD = 64
_LONG_ROUNDS = 4
"""Whole paragraphs that come four times word for word are not printed so."""
_LONGEST_PERIOD = 512


@dataclass(frozen=True, slots=True)
class Loop:
    """The end of an answer that repeats itself.

    Attributes:
        start: Index of the first token of the first round.
        period: Tokens of one round.
    """

    start: int
    period: int

    @property
    def end(self) -> int:
        """Index behind the first round: what follows only repeats it."""
        return self.start + self.period


def find_loop(tokens: Sequence[int]) -> Loop | None:
    """Gives the loop that an answer ends in, None where it ends in none.

    The shortest period that explains the end is taken, and the loop begins as far in front as it
    explains the tokens, so that one round stays when the rest is cut away.
    """
    for period in range(1, min(_LONGEST_PERIOD, len(tokens) // _LONG_ROUNDS) + 1):
        if tokens[-period:] != tokens[-2 * period : -period]:
            continue
        length = _periodic_length(tokens, period)
        if _is_loop(length, period):
            return Loop(len(tokens) - length, period)
    return None


def _periodic_length(tokens: Sequence[int], period: int) -> int:
    """Gives how many tokens at the end follow one period."""
    first = len(tokens) - period
    while first > 0 and tokens[first - 1] == tokens[first - 1 + period]:
        first -= 1
    return len(tokens) - first


def _is_loop(length: int, period: int) -> bool:
    rounds = _LEAST_ROUNDS if period < _LONG_PERIOD else _LONG_ROUNDS
    return length >= max(_LEAST_TOKENS, rounds * period)

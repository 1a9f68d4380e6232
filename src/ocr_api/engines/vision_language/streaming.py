"""Follows a batch while it is generated: tokens of every row, told on as text now and then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, cast

from torch import Tensor

LEAST_PAUSE_S = 0.05
_SHARE_OF_TIME = 10.0
"""Decoding the text so far may take a tenth of the time at most."""

OnAnswer = Callable[[int, str], None]
"""Takes a row and its answer so far."""


@dataclass(slots=True)
class Row:
    """One answer in the making.

    Attributes:
        tokens: Generated so far, the one that ended the row not among them.
        is_done: Whether it has ended.
    """

    tokens: list[int] = field(default_factory=list[int])
    is_done: bool = False


class BatchStreamer:
    """What `generate(streamer=...)` takes, for any number of rows.

    transformers' own streamers refuse batches. A character whose bytes are spread over several
    tokens is told when it is whole.
    """

    def __init__(
        self,
        rows: int,
        end_tokens: frozenset[int],
        decode: Callable[[list[int]], str],
        on_answer: OnAnswer,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.rows = [Row() for _ in range(rows)]
        self._end_tokens = end_tokens
        self._decode = decode
        self._on_answer = on_answer
        self._clock = clock
        self._told = [0] * rows
        self._next_s = 0.0
        self._saw_prompt = False

    def put(self, value: Tensor) -> None:
        """Takes the prompts first, then one token a row at each step."""
        if not self._saw_prompt:
            self._saw_prompt = True
            return
        tokens: list[int] = cast("Any", value).tolist()
        for row, token in zip(self.rows, tokens, strict=True):
            if token in self._end_tokens:
                row.is_done = True
            elif not row.is_done:
                row.tokens.append(token)
        if self._clock() >= self._next_s:
            self._tell()

    def end(self) -> None:
        """Is called when all rows have ended; what is left is told with the result."""

    def _tell(self) -> None:
        started_s = self._clock()
        for index, row in enumerate(self.rows):
            if len(row.tokens) == self._told[index]:
                continue
            self._told[index] = len(row.tokens)
            self._on_answer(index, self._decode(row.tokens).rstrip("\ufffd"))
        ended_s = self._clock()
        self._next_s = ended_s + max(LEAST_PAUSE_S, _SHARE_OF_TIME * (ended_s - started_s))


class RowStops:
    """A stopping criterion for batches: asks for every row whether it shall end.

    Attributes:
        reasons: Why a row was ended: `stopped` or `repetition`.
    """

    _LOOK_EVERY = 16

    def __init__(
        self,
        streamer: BatchStreamer,
        should_stop: Callable[[int], bool],
        is_looping: Callable[[list[int]], bool],
    ) -> None:
        self.reasons: dict[int, str] = {}
        self._streamer = streamer
        self._should_stop = should_stop
        self._is_looping = is_looping

    def __call__(self, input_ids: Tensor, _scores: Any, **_: Any) -> Tensor:
        """Gives `(rows,)` bool: True ends the row."""
        for index, row in enumerate(self._streamer.rows):
            if not row.is_done:
                self._look_at(index, row)
        ended = [row.is_done for row in self._streamer.rows]
        return input_ids.new_tensor(ended).bool()

    def _look_at(self, index: int, row: Row) -> None:
        if self._should_stop(index):
            self.reasons[index] = "stopped"
        elif len(row.tokens) % self._LOOK_EVERY == 0 and self._is_looping(row.tokens):
            self.reasons[index] = "repetition"
        row.is_done = index in self.reasons

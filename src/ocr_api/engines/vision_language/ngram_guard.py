"""Keeps a model from writing the same run of tokens again within a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, slots=True)
class NgramRule:
    """No run of `size` tokens comes twice among the last `window` ones.

    Attributes:
        size: Tokens of a run, at least 2.
        window: Tokens that are looked back at.
        allowed: Tokens that may always follow, such as those of table cells.
    """

    size: int
    window: int
    allowed: frozenset[int] = frozenset()

    def banned(self, tokens: Sequence[int]) -> frozenset[int]:
        """Gives the tokens that must not come next."""
        recent = tokens[-self.window :]
        prefix = recent[len(recent) - self.size + 1 :]
        starts = range(len(recent) - self.size + 1)
        found = {
            recent[start + self.size - 1]
            for start in starts
            if recent[start : start + self.size - 1] == prefix
        }
        return frozenset(found) - self.allowed


class NgramGuard:
    """A logits processor: forbids what the rule bans, each row of the batch for itself.

    As DeepSeek's own `NoRepeatNGramLogitsProcessor` does, over the generated tokens only.
    """

    def __init__(self, rule: NgramRule, prompt_tokens: int) -> None:
        self._rule = rule
        self._prompt_tokens = prompt_tokens

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Gives the scores `(rows, tokens)` with those of banned tokens at minus infinity."""
        generated: Any = input_ids[:, self._prompt_tokens :]
        rows: list[list[int]] = generated.tolist()
        for row, tokens in enumerate(rows):
            banned = sorted(self._rule.banned(tokens))
            if banned:
                scores[row, banned] = -float("inf")
        return scores

"""What was read → error rates → verified or not. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from eval.scoring import Normalisation, character_error_rate, word_error_rate
from eval.verify.pages import Page

BOUND = 0.10
"""Most that the median character error rate may be. It tells weights, prompt and classes that fit
together from those that do not, whose answers have little to do with the page; it is no mark of
quality."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of one page.

    Attributes:
        page: As the manifest has it.
        counts: It counts for the model.
        text: What was read; None = it failed.
        seconds: From the file to the text.
        remarks: The model's flags, or why the page failed.
    """

    page: Page
    counts: bool
    text: str | None
    seconds: float
    remarks: tuple[str, ...] = ()

    @property
    def cer(self) -> float:
        """Character error rate by the page's own rules; 1 where it failed."""
        return self.character_errors(self.page.rules)

    def character_errors(self, rules: Normalisation) -> float:
        """Gives the character error rate by these rules; 1 where the page failed."""
        if self.text is None:
            return 1.0
        return character_error_rate(self.page.text, self.text, rules)

    def word_errors(self, rules: Normalisation) -> float:
        """Gives the word error rate by these rules; 1 where the page failed."""
        if self.text is None:
            return 1.0
        return word_error_rate(self.page.text, self.text, rules)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a model reads.

    Attributes:
        median_cer: Of the pages that counted; None = none did.
        reason: Why it is not verified; empty = it is.
    """

    median_cer: float | None
    reason: str = ""

    @property
    def is_verified(self) -> bool:
        """It reads."""
        return not self.reason


def judge(readings: Sequence[Reading], bound: float, *, each: bool) -> Verdict:
    """Holds the pages that count against the bound.

    Args:
        readings: All of one model.
        bound: Most that their median character error rate may be.
        each: Every one of them must keep it.
    """
    rates = [reading.cer for reading in readings if reading.counts]
    if not rates:
        return Verdict(None, "None of the pages is in a language of this model.")
    median, worst = statistics.median(rates), max(rates)
    if median > bound:
        return Verdict(median, f"The median error rate is {median:.3f}, above {bound:g}.")
    if each and worst > bound:
        return Verdict(median, f"A page has an error rate of {worst:.3f}, above {bound:g}.")
    return Verdict(median)

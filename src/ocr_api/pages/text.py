"""The text of a page: words in lines in blocks, engine-neutral."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ocr_api.pages.geometry import Box


class Direction(StrEnum):
    """Reading direction of a run of text (the values of HTML's `dir`)."""

    LTR = "ltr"
    RTL = "rtl"


@dataclass(frozen=True, slots=True)
class Word:
    """A run of characters without white space, in logical order.

    Attributes:
        text: As printed: no presentation forms, no bidi controls; never empty.
        box: Pixels of the upright page, origin top-left.
        confidence: 0..1, None = the engine gives none.
    """

    text: str
    box: Box
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of writing.

    Attributes:
        text: The whole line in logical order, words joined as the script joins them.
        box: Pixels of the upright page, origin top-left.
        words: In logical order; may be empty where the engine gives lines only.
        direction: Main direction of the line.
        confidence: 0..1, None = the engine gives none.
    """

    text: str
    box: Box
    words: tuple[Word, ...] = ()
    direction: Direction = Direction.LTR
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, such as a paragraph or a column; in reading order.

    Attributes:
        lines: In reading order.
        box: Pixels of the upright page, origin top-left.
        label: What the model calls it, such as `title` or `table`; None = it does not say.
    """

    lines: tuple[Line, ...]
    box: Box
    label: str | None = None

    @property
    def text(self) -> str:
        """The lines, one below the other."""
        return "\n".join(line.text for line in self.lines)


@dataclass(frozen=True, slots=True)
class PageText:
    """What was read on one page.

    Attributes:
        width_px: Width of the upright page that the boxes refer to.
        height_px: Its height.
        blocks: In reading order; empty for a blank page.
        formatted_text: The page as Markdown where the engine gives markup, else None.
        warnings: Sentences for people, e.g. that the answer was cut off.
        raw_text: A model's answer as it was generated; None = the engine generates none.
        flags: The same as `warnings`, for programs: `truncated`, `repetition`, `stopped`.
    """

    width_px: int
    height_px: int
    blocks: tuple[Block, ...] = ()
    formatted_text: str | None = None
    warnings: tuple[str, ...] = ()
    raw_text: str | None = None
    flags: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Plain text: a line a line, an empty line between blocks."""
        return "\n\n".join(block.text for block in self.blocks)

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines in reading order."""
        return tuple(line for block in self.blocks for line in block.lines)

    @property
    def confidence(self) -> float | None:
        """Mean confidence (0..1) over characters, None where no line has one."""
        return mean_confidence((line.confidence, len(line.text)) for line in self.lines)


def mean_confidence(weighted: Iterable[tuple[float | None, int]]) -> float | None:
    """Gives the mean of confidences (0..1) weighted by lengths; None where there is none."""
    known = [(value, weight) for value, weight in weighted if value is not None and weight > 0]
    total = sum(weight for _, weight in known)
    if total == 0:
        return None
    return sum(value * weight for value, weight in known) / total

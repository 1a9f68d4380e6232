"""Which pages of a document: `1-3,7`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_RANGE = re.compile(r"[ ]*([0-9]{1,6})[ ]*(?:-[ ]*([0-9]{1,6})[ ]*)?")
_MOST_RANGES = 1000


@dataclass(frozen=True, slots=True)
class PageRanges:
    """Page numbers as stretches that neither touch nor overlap, in rising order.

    Attributes:
        stretches: `(first, last)` pairs, both inclusive, from 1.
    """

    stretches: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, stretches: Iterable[tuple[int, int]]) -> PageRanges:
        """Gives the pages of these `(first, last)` pairs: sorted, each page once."""
        joined: list[tuple[int, int]] = []
        for first, last in sorted(stretches):
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(joined[-1][1], last))
            else:
                joined.append((first, last))
        return cls(tuple(joined))

    @classmethod
    def parse(cls, text: str) -> PageRanges:
        """Reads `1-3,7`.

        Raises:
            ValueError: It is no such list, or a stretch runs backwards or starts before page 1.
        """
        parts = text.split(",")
        if len(parts) > _MOST_RANGES:
            msg = f"more than {_MOST_RANGES} ranges"
            raise ValueError(msg)
        return cls.of(_parse_range(part) for part in parts)

    @property
    def count(self) -> int:
        """How many pages these are."""
        return sum(last - first + 1 for first, last in self.stretches)

    def within(self, pages_total: int) -> PageRanges:
        """Gives those of the pages that a document of so many pages has; maybe none."""
        return PageRanges(
            tuple(
                (first, min(last, pages_total))
                for first, last in self.stretches
                if first <= pages_total
            )
        )

    def __iter__(self) -> Iterator[int]:
        for first, last in self.stretches:
            yield from range(first, last + 1)

    def __contains__(self, number: int) -> bool:
        return any(first <= number <= last for first, last in self.stretches)

    def __str__(self) -> str:
        return ",".join(
            str(first) if first == last else f"{first}-{last}" for first, last in self.stretches
        )


def _parse_range(text: str) -> tuple[int, int]:
    found = _RANGE.fullmatch(text)
    if found is None:
        msg = f"no range of pages: {text[:40]!r}"
        raise ValueError(msg)
    first = int(found[1])
    last = int(found[2] or first)
    if not 1 <= first <= last:
        msg = f"a range must rise, from page 1 on: {text[:40]!r}"
        raise ValueError(msg)
    return first, last

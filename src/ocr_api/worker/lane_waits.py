"""How long the pages of closed lanes have waited, as far as this worker has seen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ocr_api.worker.scheduling import Lane

_NOWHERE: Mapping[str, int] = {}


@dataclass(slots=True)
class _Wait:
    pages: int
    since_s: float
    waited_s: float = 0.0

    def go_on(self, pages: int, now_s: float, last_s: float, elsewhere: int) -> None:
        """Adds the time since the last look; `elsewhere` > 0 = another worker takes so many."""
        beyond = max(0, self.pages - elsewhere)
        self.waited_s = self.waited_s + beyond * (now_s - last_s) if beyond else 0.0
        self.pages = pages
        if elsewhere:
            self.since_s = now_s


class LaneWaits:
    """Adds up waits from looks at the queue.

    A wait begins when pages are seen waiting in a lane that is closed here, and ends when the lane
    is open or empty. While another worker serves the lane, none of its pages counts as waiting for
    long, and what that worker takes at one time does not count at all: only what is beyond it may
    be worth a load here too.
    """

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}
        self._looked_at_s = 0.0

    def note(
        self, waiting: Mapping[str, int], now_s: float, elsewhere: Mapping[str, int] = _NOWHERE
    ) -> None:
        """Notes a look.

        Args:
            waiting: Pages by lane, of closed lanes only.
            now_s: By any clock that all looks share.
            elsewhere: Pages that another worker takes at one time, by lane that one serves.
        """
        for model in [known for known in self._waits if not waiting.get(known)]:
            del self._waits[model]
        for model, pages in waiting.items():
            wait = self._waits.get(model)
            if wait is not None:
                wait.go_on(pages, now_s, self._looked_at_s, elsewhere.get(model, 0))
            elif pages:
                self._waits[model] = _Wait(pages, now_s)
        self._looked_at_s = now_s

    def lanes(self, models: Iterable[str]) -> list[Lane]:
        """Gives those of these lanes in which pages wait, as of the last look."""
        return [
            Lane(model, wait.pages, self._looked_at_s - wait.since_s, wait.waited_s)
            for model in models
            if (wait := self._waits.get(model)) is not None
        ]

"""How many pages a worker has in work, and of which models it may take more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import anyio

from ocr_api.store import Watch

_SHARED = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """Pages that may be claimed: lanes that have room, and how many pages fit into each."""

    lanes: tuple[str, ...]
    most: int


class Gate(Protocol):
    """Says which lanes are open, and hears which pages are in work."""

    def is_open(self, lane: str) -> bool:
        """Pages of the lane may be claimed now."""
        ...

    def enter(self, lane: str) -> bool:
        """Counts a page as in work; False = the lane was closed meanwhile, it isn't counted."""
        ...

    def leave(self, lane: str) -> None:
        """Counts it no more."""
        ...


class OpenGate:
    """Keeps no lane closed."""

    def is_open(self, _lane: str) -> bool:
        """See `Gate`."""
        return True

    def enter(self, _lane: str) -> bool:
        """See `Gate`."""
        return True

    def leave(self, _lane: str) -> None:
        """See `Gate`."""


class Hand:
    """A page in work.

    Attributes:
        lane: Names the model whose hand it is, empty = a shared one.
        model: The lane that the page was claimed from, or its model once it was routed.
        is_admitted: The lane was open still when the page came; else it is to go back.
    """

    def __init__(self, hands: Hands, lane: str, model: str, *, is_admitted: bool) -> None:
        self._hands = hands
        self.lane = lane
        self.model = model
        self.is_admitted = is_admitted

    def move(self, model: str) -> bool:
        """Passes a page that was routed to its model; False = its hands are full, or closed."""
        return self._hands.move(self, model)


class Hands:
    """The worker's hands: some for all models that read page by page, some for each other model.

    A model that reads pages together is fed from hands of its own: as many as one round of its
    batches takes, and as many again for the next round, which is claimed ahead while the first
    one is read. So its pages neither wait for those of other models nor keep them waiting.

    Args:
        lanes: What this worker can claim, `auto` included.
        shared: Hands of the lanes that have none of their own.
        rounds: By model: pages that its instances read at one time.
        gate: Tells whether pages of a lane may be claimed now.
    """

    def __init__(
        self,
        lanes: Sequence[str],
        shared: int,
        rounds: Mapping[str, int],
        gate: Gate | None = None,
    ) -> None:
        self._gate = gate or OpenGate()
        self._lanes = tuple(lanes)
        self._shared = shared
        self._rounds = dict(rounds)
        self._held: Counter[str] = Counter()
        self._watches: list[Watch] = []
        self._changed = anyio.Event()

    def at_once(self) -> Offer:
        """Gives what would be worked on at once."""
        sizes = {lane: self._size(lane) for lane in self._lanes}
        return self._offer(sizes)

    def ahead(self) -> Offer:
        """Gives what would wait for a model that has a full round, for its next one."""
        return self._offer(
            {model: 2 * size for model, size in self._rounds.items() if self._held[model] >= size}
        )

    def take(self, lane: str) -> Hand:
        """Takes a hand for a page that was claimed from a lane."""
        hand = Hand(self, self._own(lane), lane, is_admitted=self._gate.enter(lane))
        self._change(hand.lane, 1)
        return hand

    def release(self, hand: Hand) -> None:
        """Frees a hand."""
        if hand.is_admitted:
            self._gate.leave(hand.model)
        self._change(hand.lane, -1)

    def move(self, hand: Hand, model: str) -> bool:
        """See `Hand.move`."""
        own = self._own(model)
        is_other = own != hand.lane
        if is_other and own != _SHARED and self._held[own] >= 2 * self._rounds[own]:
            return False
        if not self._gate.enter(model):
            return False
        self._gate.leave(hand.model)
        hand.model = model
        if is_other:
            self._change(hand.lane, -1)
            self._change(own, 1)
            hand.lane = own
        return True

    def wake(self) -> None:
        """Has lanes looked at again: some have room that had none, or are open anew."""
        self._changed.set()
        self._changed = anyio.Event()
        for watch in self._watches:
            watch.notify()

    async def changed(self) -> None:
        """Waits until more lanes have room."""
        await self._changed.wait()

    @contextmanager
    def waking(self, watch: Watch) -> Generator[None]:
        """Has a watch woken, too, when more lanes have room."""
        self._watches.append(watch)
        try:
            yield
        finally:
            self._watches.remove(watch)

    def _offer(self, sizes: Mapping[str, int]) -> Offer:
        room = {lane: size - self._held[self._own(lane)] for lane, size in sizes.items()}
        free = {
            lane: hands for lane, hands in room.items() if hands > 0 and self._gate.is_open(lane)
        }
        return Offer(tuple(free), min(free.values(), default=0))

    def _own(self, lane: str) -> str:
        return lane if lane in self._rounds else _SHARED

    def _size(self, lane: str) -> int:
        return self._rounds.get(lane, self._shared)

    def _change(self, own: str, more: int) -> None:
        """Counts, and tells where by that a lane got room that had none."""
        was = self._held[own]
        now = self._held[own] = was + more
        size = self._rounds.get(own, self._shared)
        has_room_anew = now < size <= was
        has_next_round_anew = own in self._rounds and (was < size <= now or now < 2 * size <= was)
        if has_room_anew or has_next_round_anew:
            self.wake()

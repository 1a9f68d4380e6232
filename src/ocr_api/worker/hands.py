"""How many pages a worker has in work, and of which models it may take more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import anyio

from ocr_api.store import Watch

_SHARED = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """Pages that may be claimed: lanes that have room, and how many pages fit into each."""

    lanes: tuple[str, ...]
    most: int


class Hand:
    """A page in work; `lane` names the model whose hand it is, empty = a shared one."""

    def __init__(self, hands: Hands, lane: str) -> None:
        self._hands = hands
        self.lane = lane

    def move(self, model: str) -> bool:
        """Passes a page that was routed to the hands of its model; False = they are full."""
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
        is_open: Tells whether pages of a lane may be claimed now.
    """

    def __init__(
        self,
        lanes: Sequence[str],
        shared: int,
        rounds: Mapping[str, int],
        is_open: Callable[[str], bool] = lambda _lane: True,
    ) -> None:
        self._is_open = is_open
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
        hand = Hand(self, self._own(lane))
        self._change(hand.lane, 1)
        return hand

    def release(self, hand: Hand) -> None:
        """Frees a hand."""
        self._change(hand.lane, -1)

    def move(self, hand: Hand, model: str) -> bool:
        """See `Hand.move`."""
        own = self._own(model)
        if own == hand.lane:
            return True
        if own != _SHARED and self._held[own] >= 2 * self._rounds[own]:
            return False
        self._change(hand.lane, -1)
        self._change(own, 1)
        hand.lane = own
        return True

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
        free = {lane: hands for lane, hands in room.items() if hands > 0 and self._is_open(lane)}
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
            self._changed.set()
            self._changed = anyio.Event()
            for watch in self._watches:
                watch.notify()

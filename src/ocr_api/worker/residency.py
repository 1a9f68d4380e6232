"""Which models stay in memory, and which leave for another: pure decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ResidencyPlan:
    """What the operator says about models in memory.

    Attributes:
        budgets_mib: By device, what all its models may take together; one left out has no bound.
        preload: Models that are loaded at the start, in this order.
        pinned: Models that never leave for another, nor because nobody uses them.
        keep_alive_s: How long a model stays that nobody uses.
        fairness_s: A page that has waited so long for its model has it loaded in another's place.
    """

    budgets_mib: Mapping[str, int] = field(default_factory=dict[str, int])
    preload: tuple[str, ...] = ()
    pinned: frozenset[str] = frozenset()
    keep_alive_s: float = math.inf
    fairness_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Resident:
    """A model that is loaded, or is being loaded.

    Attributes:
        model: Its id.
        memory_mib: What it takes: measured, else as the catalog says.
        last_used_s: When a page of it was last in work, by any clock that all residents share.
        is_busy: It is loading, or has pages in work.
        is_pinned: It never leaves for another.
    """

    model: str
    memory_mib: int
    last_used_s: float
    is_busy: bool = False
    is_pinned: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """How a model gets its room.

    Attributes:
        evict: Models that leave first, the least recently used in front.
        waits_for: Busy models of which some must become idle first; empty = now.
        lacking_mib: What is lacking even if all that may leave left; 0 = it fits.
    """

    evict: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    lacking_mib: int = 0

    @property
    def is_possible(self) -> bool:
        """The model fits beside the pinned ones."""
        return self.lacking_mib == 0


def make_room(needed_mib: int, budget_mib: int, residents: Sequence[Resident]) -> Room:
    """Decides who leaves so that a model fits; as few as need be, the least recently used first.

    Args:
        needed_mib: What the model takes.
        budget_mib: What all models on the device may take together.
        residents: Models on the device, the wanted one not among them.
    """
    free_mib = budget_mib - sum(resident.memory_mib for resident in residents)
    evicted: list[str] = []
    idle = [resident for resident in residents if not (resident.is_busy or resident.is_pinned)]
    for resident in sorted(idle, key=lambda resident: resident.last_used_s):
        if free_mib >= needed_mib:
            break
        free_mib += resident.memory_mib
        evicted.append(resident.model)
    if free_mib >= needed_mib:
        return Room(tuple(_spared(evicted, free_mib - needed_mib, residents)))
    busy = [resident for resident in residents if resident.is_busy and not resident.is_pinned]
    lacking_mib = needed_mib - free_mib - sum(resident.memory_mib for resident in busy)
    if lacking_mib > 0:
        return Room(lacking_mib=lacking_mib)
    return Room(waits_for=tuple(resident.model for resident in busy))


def one_too_many(residents: Sequence[Resident], budget_mib: int) -> str | None:
    """Gives the model that leaves because all together have grown beyond the budget.

    It is the least recently used idle one; None = they fit, none is idle, or there is only one
    beside those that never leave: it would be loaded again for its next page.

    Args:
        residents: Models on the device.
        budget_mib: What they may take together.
    """
    movable = [one for one in residents if not one.is_pinned]
    if len(movable) < 2 or sum(one.memory_mib for one in residents) <= budget_mib:
        return None
    idle = [one for one in residents if not (one.is_busy or one.is_pinned)]
    return min(idle, key=lambda one: one.last_used_s).model if idle else None


def expired(residents: Sequence[Resident], now_s: float, keep_alive_s: float) -> tuple[str, ...]:
    """Gives the models that nobody has used for so long that they leave by themselves.

    Args:
        residents: Models on the device.
        now_s: By the clock of `Resident.last_used_s`.
        keep_alive_s: How long an idle model stays; infinite = for ever.
    """
    return tuple(
        resident.model
        for resident in residents
        if not (resident.is_busy or resident.is_pinned)
        and now_s - resident.last_used_s >= keep_alive_s
    )


def _spared(evicted: Sequence[str], spare_mib: int, residents: Sequence[Resident]) -> list[str]:
    """Takes back, latest used first, whom the rest of the evicted make room enough without."""
    memory = {resident.model: resident.memory_mib for resident in residents}
    kept = list(evicted)
    for model in reversed(evicted):
        if memory[model] <= spare_mib:
            kept.remove(model)
            spare_mib -= memory[model]
    return kept

"""Which models are in memory or on their way there, and whose pages are in work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ocr_api.worker.residency import (
    ResidencyPlan,
    Resident,
    Room,
    expired,
    make_room,
    one_too_many,
)


@dataclass(slots=True)
class Seat:
    """How one model stands.

    Attributes:
        device: Where it is loaded.
        instances: Processes in which it is loaded; 0 = one a reader, which come with their pages
            and count for nothing in the budget.
        estimate: Gives what it takes in all while nobody has measured, in MiB; None = nobody knows.
        is_exact: The estimate comes from a measurement, though not from one here.
        estimated_mib: What the estimate gave.
        is_loaded: It was loaded, and has not left.
        is_loading: It is being loaded.
        is_draining: It leaves as soon as the pages in work are read.
        in_work: Its pages in work.
        ended: Pages that left work since it was loaded.
        loaded_at_s: When it was loaded last.
        used_at_s: When a page of it was in work last.
        load_s: Seconds that loading it took last; None = it never was.
        measured_mib: The most that one instance was seen to take, since it was loaded first; None =
            it never was.
        loaded_mib: What one instance took when it was loaded last.
    """

    device: str
    instances: int
    estimate: Callable[[], int | None]
    is_exact: bool = False
    estimated_mib: int | None = None
    is_loaded: bool = False
    is_loading: bool = False
    is_draining: bool = False
    in_work: int = 0
    ended: int = 0
    loaded_at_s: float = 0.0
    used_at_s: float = 0.0
    load_s: float | None = None
    measured_mib: int | None = None
    loaded_mib: int = 0

    @property
    def is_present(self) -> bool:
        """It takes memory, as far as is known."""
        return self.is_loaded or self.is_loading or self.in_work > 0

    @property
    def stays(self) -> bool:
        """It is loaded, and not about to leave."""
        return self.is_loaded and not self.is_draining

    @property
    def is_open(self) -> bool:
        """Its pages may be claimed."""
        return not self.is_draining and (self.is_loaded or not self.instances)

    @property
    def known_mib(self) -> int | None:
        """What it takes in all; None = nobody knows."""
        if self.measured_mib is not None:
            return self.measured_mib * self.instances
        if self.estimated_mib is None:
            self.estimated_mib = self.estimate()
        return self.estimated_mib


class Residents:
    """The models of one worker, by what they have in memory.

    Only models with instances of their own are counted: they are dear to load, and a lane of one is
    closed until it is loaded. Others start with their pages, as ever.

    Args:
        seats: By model.
        plan: The operator's.
        clock: Seconds by any clock.

    Attributes:
        on_open: Called when a lane may be open that was closed.
        on_change: Called when there is something new to tell of a model.
    """

    def __init__(
        self, seats: Mapping[str, Seat], plan: ResidencyPlan, clock: Callable[[], float]
    ) -> None:
        self._seats = dict(seats)
        self.plan = plan
        self._clock = clock
        self.on_open: Callable[[], None] = _nothing
        self.on_change: Callable[[], None] = _nothing

    @property
    def counted(self) -> tuple[str, ...]:
        """Models that count against a budget."""
        return tuple(model for model, seat in self._seats.items() if seat.instances)

    def seat(self, model: str) -> Seat:
        """Gives how a model stands."""
        return self._seats[model]

    def is_open(self, lane: str) -> bool:
        """See `Gate`; lanes of no model, such as `auto`, are always open."""
        seat = self._seats.get(lane)
        return seat is None or seat.is_open

    def enter(self, lane: str) -> bool:
        """See `Gate`."""
        seat = self._seats.get(lane)
        if seat is None:
            return True
        if not seat.is_open:
            return False
        seat.in_work += 1
        seat.used_at_s = self._clock()
        return True

    def leave(self, lane: str) -> None:
        """See `Gate`."""
        seat = self._seats.get(lane)
        if seat is not None:
            seat.in_work -= 1
            seat.ended += 1
            seat.used_at_s = self._clock()

    def begin_load(self, model: str) -> None:
        """Notes that a model is being loaded: its room is taken."""
        self._seats[model].is_loading = True
        self.on_change()

    def end_load(self, model: str, *, load_s: float | None) -> None:
        """Notes that a model was loaded, in so many seconds; None = it could not be."""
        seat = self._seats[model]
        seat.is_loading = False
        self.on_change()
        if load_s is not None:
            seat.ended, seat.load_s = 0, load_s
            seat.loaded_at_s = self._clock()
            self._arrived(seat)

    def measured(self, model: str, memory_mib: int) -> None:
        """Notes what one instance takes that was loaded just now."""
        seat = self._seats[model]
        seat.loaded_mib = memory_mib
        self.grown(model, memory_mib)
        if not seat.is_loading:
            self._arrived(seat)

    def grown(self, model: str, peak_mib: int) -> bool:
        """Notes the most that one instance has taken; False = as much was known."""
        seat = self._seats[model]
        if seat.measured_mib is not None and seat.measured_mib >= peak_mib:
            return False
        seat.measured_mib = peak_mib
        return True

    def needs(self, model: str, needed_mib: object) -> None:
        """Notes what a child says that one instance needs, where it says so."""
        seat = self._seats[model]
        if isinstance(needed_mib, int):
            seat.estimated_mib, seat.is_exact = needed_mib * seat.instances, True
            seat.measured_mib = None

    def begin_drain(self, model: str) -> None:
        """Closes a model's lane; its pages in work go on."""
        self._seats[model].is_draining = True
        self.on_change()

    def end_drain(self, model: str) -> None:
        """Ends the draining; the lane is open again where the model is there still."""
        self._seats[model].is_draining = False
        self.on_change()
        self.on_open()

    def gone(self, model: str) -> None:
        """Notes that nothing of a model is in memory."""
        self._seats[model].is_loaded = False

    def room(self, model: str) -> Room:
        """Gives who leaves for a model; the busy ones among them are waited for."""
        seat = self._seats[model]
        budget_mib = self.plan.budgets_mib.get(seat.device)
        if not seat.instances or budget_mib is None:
            return Room()
        others = self._neighbours(model)
        pinned_mib = sum(other.memory_mib for other in others if other.is_pinned)
        needed_mib, most_mib = seat.known_mib, max(0, budget_mib - pinned_mib)
        if needed_mib is None or not (seat.is_exact or seat.measured_mib is not None):
            # An estimate refuses nothing: where it is larger than all there is, the child decides.
            needed_mib = min(needed_mib or most_mib, most_mib)
        elif seat.measured_mib is not None and seat.loaded_mib * seat.instances <= most_mib:
            # Nor does the peak of a model that was loaded within the budget: it is tried alone.
            needed_mib = min(needed_mib, most_mib)
        return make_room(needed_mib, budget_mib, others)

    def next_to_leave(self, model: str) -> str | None:
        """Gives the least recently used model that may leave for another; None = there is none."""
        able = [other for other in self._neighbours(model) if not other.is_pinned]
        return min(able, key=lambda other: other.last_used_s).model if able else None

    def one_too_many(self) -> str | None:
        """Gives an idle model that leaves because those of its device outgrew the budget."""
        for device, budget_mib in self.plan.budgets_mib.items():
            present = [
                self._resident(model)
                for model in self._present(self.counted)
                if self._seats[model].device == device
            ]
            model = one_too_many(present, budget_mib)
            if model is not None:
                return model
        return None

    def expired(self) -> tuple[str, ...]:
        """Gives the models that nobody has used for long."""
        present = [self._resident(model) for model in self._present(self._seats)]
        return expired(present, self._clock(), self.plan.keep_alive_s)

    def had_its_run(self, model: str, round_pages: int) -> bool:
        """A model has read a round of pages, and had as long for it as loading it took."""
        seat = self._seats[model]
        served_s = self._clock() - seat.loaded_at_s
        had_round = seat.ended >= round_pages and served_s >= (seat.load_s or 0.0)
        return had_round or served_s >= self.plan.fairness_s

    def idle_s(self, models: Iterable[str]) -> float:
        """Gives for how long none of these models has had a page in work."""
        now_s = self._clock()
        seats = [self._seats[model] for model in models]
        return min((0 if seat.in_work else now_s - seat.used_at_s for seat in seats), default=0)

    def _arrived(self, seat: Seat) -> None:
        seat.is_loaded, seat.used_at_s = True, self._clock()
        self.on_open()

    def _present(self, models: Iterable[str]) -> list[str]:
        return [model for model in models if self._seats[model].is_present]

    def _neighbours(self, model: str) -> list[Resident]:
        """Gives the counted models on the same device; none is busy, since a change waits."""
        device = self._seats[model].device
        return [
            self._resident(other, waits=True)
            for other in self._present(self.counted)
            if other != model and self._seats[other].device == device
        ]

    def _resident(self, model: str, *, waits: bool = False) -> Resident:
        seat = self._seats[model]
        is_busy = seat.in_work > 0 or seat.is_loading
        return Resident(
            model,
            (seat.known_mib or self.plan.budgets_mib.get(seat.device, 0)) if seat.instances else 0,
            self._clock() if is_busy else seat.used_at_s,
            is_busy=is_busy and not waits,
            is_pinned=model in self.plan.pinned,
        )


def _nothing() -> None:
    """Stands in while nobody asks."""

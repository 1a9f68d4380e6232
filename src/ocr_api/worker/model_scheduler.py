"""Decides, again and again, which model is loaded next, and which leaves because nobody uses it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import anyio
from anyio.abc import TaskGroup

from ocr_api.errors import OcrApiError, StoreError
from ocr_api.observability import get_logger
from ocr_api.store import ModelWhy
from ocr_api.worker.fleet import Among
from ocr_api.worker.lane_waits import LaneWaits
from ocr_api.worker.loaded_models import LoadedModels
from ocr_api.worker.residents import Residents
from ocr_api.worker.scheduling import Lane, Situation, decide

_log = get_logger(__name__)
_LOOK_S = 0.2
_LOAD_BASE_S, _LOAD_MIB_A_SECOND = 2.0, 2000.0
"""A model that was never loaded: the start of its process, and its weights from a disk."""


@dataclass(frozen=True, slots=True)
class SchedulerView:
    """What the scheduler looks at beside the models.

    Attributes:
        queue_lengths: Gives the pages that wait, by lane.
        is_ready: Tells whether the weights of a model are here.
        rounds: By model with instances of its own that this worker serves: pages that they read
            at one time.
        among: The worker's place among the others.
    """

    queue_lengths: Callable[[], Awaitable[Mapping[str, int]]]
    is_ready: Callable[[str], bool]
    rounds: Mapping[str, int]
    among: Among


class ModelScheduler:
    """Loads the models whose pages wait, in an order that is fair and changes seldom.

    Args:
        models: Of this worker.
        view: What it looks at.
    """

    def __init__(self, models: LoadedModels, view: SchedulerView) -> None:
        self._models = models
        self._residents = models.residents
        self._view = view
        self._counted = [model for model in self._residents.counted if model in view.rounds]
        self._waits = LaneWaits()
        self._waiting: Mapping[str, int] = {}
        plan = self._residents.plan
        self._to_preload = list(dict.fromkeys((*plan.preload, *sorted(plan.pinned))))
        self._changing: set[str] = set()

    async def run(self) -> None:
        """Looks and changes for ever, through every outage of the store."""
        async with anyio.create_task_group() as tasks:
            while True:
                try:
                    await self._look(tasks)
                except StoreError as exc:
                    _log.info("queue_not_seen", code=exc.code)
                await anyio.sleep(_LOOK_S)

    async def _look(self, tasks: TaskGroup) -> None:
        await self._see_queue()
        preloaded = self._ready_to_preload()
        if preloaded is not None:
            self._to_preload.remove(preloaded)
            self._begin(tasks, preloaded, self._preload)
        elif (grown := self._one_too_many()) is not None:
            self._begin(tasks, grown, partial(self._models.unload, why=ModelWhy.MEMORY))
        elif (model := self._next()) is not None:
            self._begin(tasks, model, self._load_in_turn)
        elif (unused := self._unused()) is not None:
            self._begin(tasks, unused, partial(self._models.unload, why=ModelWhy.KEEP_ALIVE))

    def _begin(
        self, tasks: TaskGroup, model: str, change: Callable[[str], Awaitable[object]]
    ) -> None:
        self._changing.add(model)
        tasks.start_soon(self._change, model, change)

    async def _see_queue(self) -> None:
        if not self._counted:
            return
        lengths = await self._view.queue_lengths()
        self._waiting = {model: lengths[model] for model in self._counted if lengths.get(model)}
        closed = {
            model: pages
            for model, pages in self._waiting.items()
            if self._view.is_ready(model) and not self._residents.is_open(model)
        }
        loaded = self._view.among.fleet.loaded
        elsewhere = {model: self._view.rounds[model] for model in closed if model in loaded}
        self._waits.note(closed, anyio.current_time(), elsewhere)

    async def _change(self, model: str, change: Callable[[str], Awaitable[object]]) -> None:
        try:
            await change(model)
        except StoreError as exc:
            _log.info("no_turn_to_change", model=model, code=exc.code)
        except OcrApiError as exc:
            _log.warning("model_not_loaded", model=model, code=exc.code, detail=exc.detail)
        finally:
            self._changing.discard(model)

    async def _load_in_turn(self, model: str) -> None:
        """Loads a model unless others are changing; then the next look decides anew.

        What others have loaded may have changed since this was decided, so it is decided again.
        """
        among, evicts = self._view.among, bool(self._residents.room(model).evict)
        async with among.turns.turn(model, evicts=evicts, is_alone=True) as is_ours:
            if is_ours:
                await among.look()
                await self._see_queue()
                if not evicts and self._residents.room(model).evict:
                    return  # the room was taken meanwhile
                if any(map(self._is_next, self._waits.lanes([model]))):
                    await self._models.load(model, ModelWhy.SCHEDULER)

    def _ready_to_preload(self) -> str | None:
        for model in self._to_preload:
            if self._view.is_ready(model) and self._models.may_be_loaded(model):
                return model
        return None

    async def _preload(self, model: str) -> None:
        """Loads a model ahead; one that could not be loaded is tried again after its pause."""
        try:
            await self._models.load(model, ModelWhy.PRELOAD)
        except OcrApiError:
            if not self._models.may_be_loaded(model):
                self._to_preload.append(model)
            raise

    def _one_too_many(self) -> str | None:
        """Gives a model that leaves because reading took more memory than loading."""
        model = self._residents.one_too_many()
        is_wanted = model is None or self._waiting.get(model) or self._changing
        return None if is_wanted or self._models.changes.is_under_way else model

    def _unused(self) -> str | None:
        """Gives a model that leaves because nobody uses it; None = none."""
        expired = self._residents.expired()
        return next(
            (
                model
                for model in expired
                if not (self._waiting.get(model) or self._is_changing(model))
                and self._models.is_running(model)
            ),
            None,
        )

    def _is_changing(self, model: str) -> bool:
        return model in self._changing or self._models.changes.is_loading(model)

    def _next(self) -> str | None:
        """Gives the model to be loaded now; None = none."""
        fairness_s = self._residents.plan.fairness_s
        able = [
            model
            for model in self._counted
            if self._models.may_be_loaded(model) and not self._is_changing(model)
        ]
        lanes = sorted(
            self._waits.lanes(able),
            key=lambda lane: (max(lane.oldest_s - fairness_s, 0), lane.waited_s),
            reverse=True,
        )
        for lane in lanes:
            if self._is_next(lane):
                return lane.model
        if not self._changing:
            elsewhere = self._view.among.fleet.loaded
            likely = (lane.model for lane in lanes if lane.model not in elsewhere)
            self._models.read_ahead.expect(next(likely, None))
        return None

    def _is_next(self, lane: Lane) -> bool:
        """Tells whether a model is worth those that leave for it."""
        victims = self._residents.room(lane.model).evict
        if not victims:
            is_served = lane.model in self._view.among.fleet.loaded
            return not is_served or lane.waited_s >= load_seconds(self._residents, lane.model)
        if self._models.changes.is_making_room or any(map(self._is_changing, victims)):
            return False
        busy = [
            Lane(victim, self._waiting[victim], 0, 0)
            for victim in victims
            if victim in self._waiting
        ]
        if not all(
            self._residents.had_its_run(served.model, self._view.rounds[served.model])
            for served in busy
        ):
            return False
        decision = decide(
            Situation(
                [lane, *busy],
                frozenset(victims),
                self._residents.idle_s(victims),
                {lane.model: load_seconds(self._residents, lane.model)},
                self._residents.plan.fairness_s,
            )
        )
        return decision.model == lane.model


def load_seconds(residents: Residents, model: str) -> float:
    """Gives how long loading a model takes: measured, else estimated."""
    seat = residents.seat(model)
    if seat.load_s is not None:
        return seat.load_s
    return _LOAD_BASE_S + (seat.known_mib or 0) / _LOAD_MIB_A_SECOND

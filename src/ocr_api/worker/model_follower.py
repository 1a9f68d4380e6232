"""Follows what callers want of models: loads the one switched to, loads and unloads on a wish."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskGroup

from ocr_api.errors import OcrApiError, StoreError
from ocr_api.observability import get_logger
from ocr_api.store import Announcements, CurrentModel, ModelAction, ModelWhy
from ocr_api.worker.fleet import Among
from ocr_api.worker.model_orders import (
    Followed,
    ModelOrder,
    is_superseded,
    orders_of,
    passed_over,
    switch_refusal,
)
from ocr_api.worker.process_page import Parts
from ocr_api.worker.weights_keeper import WeightsKeeper

_log = get_logger(__name__)
_LOOK_S = 0.5
"""Orders are announced; a lost announcement, and what others make of an order, is seen so late."""


class ModelFollower:
    """Looks what is wanted of models, and does it where this worker serves them.

    A load whose weights are missing has them fetched, and goes on when they are here. Where the
    model that was switched to cannot be loaded by any live worker, the switch is taken back by
    whichever worker sees that first.

    Args:
        parts: Of the worker.
        announcements: Tell of orders.
        keeper: Of the weights.
        among: The worker's place among the others.
        tell: Reports at once how the worker stands.
    """

    def __init__(
        self,
        parts: Parts,
        announcements: Announcements,
        keeper: WeightsKeeper,
        among: Among,
        tell: Callable[[], Awaitable[None]],
    ) -> None:
        self._parts = parts
        self._announcements = announcements
        self._keeper = keeper
        self._among = among
        self._tell = tell
        self._locks: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        self._newest: dict[str, int] | None = None
        self._switch = 0
        self._done: dict[str, Followed] = {}

    def followed(self, model: str) -> Followed:
        """Gives what became of the latest order about a model."""
        return self._done.get(model, Followed())

    async def run(self) -> None:
        """Follows for ever, through every outage of the store."""
        with self._announcements.watching_orders() as watch:
            async with anyio.create_task_group() as tasks:
                while True:
                    try:
                        await self._look(tasks)
                    except StoreError as exc:
                        _log.info("models_not_followed", code=exc.code)
                    await watch.changed(_LOOK_S)

    async def _look(self, tasks: TaskGroup) -> None:
        store = self._parts.store
        current = await store.current_model()
        orders = orders_of(current, await store.model_wishes())
        if self._newest is None:
            self._newest = passed_over(orders, await store.server_time())
            self._done = {
                model: Followed(number)
                for model, number in self._newest.items()
                if model in self._parts.served
            }
        self._switch = 0 if current is None else current.number
        for order in orders:
            if order.number > self._newest.get(order.model, 0):
                self._newest[order.model] = order.number
                if order.model in self._parts.served:
                    if order.action is ModelAction.UNLOAD:
                        self._parts.reader.models.changes.stop_loading(order.model)
                    tasks.start_soon(self._follow, order)
        if current is not None and not current.is_settled:
            await self._judge(current)

    async def _judge(self, current: CurrentModel) -> None:
        """Settles a switch whose model this worker has loaded; takes back one that is hopeless."""
        store, mine = self._parts.store, self.followed(current.model)
        if mine.number < current.number:
            return
        if not mine.refusal:
            await store.settle_switch(current.number)
            return
        refusal = switch_refusal(current, await store.workers())
        if refusal and await store.fall_back(current.number, refusal):
            _log.warning(
                "model_switched",
                model=current.model,
                number=current.number,
                outcome="taken_back",
                why=refusal,
            )

    async def _follow(self, order: ModelOrder) -> None:
        """Carries an order out, after earlier ones about the same model, and tells of it."""
        async with self._locks[order.model]:
            if self._is_superseded(order):
                return
            refusal = await self._carry_out(order)
            if refusal is None:
                return
            self._done[order.model] = Followed(order.number, refusal)
        try:
            if order.is_switch and not refusal:
                await self._parts.store.settle_switch(order.number)
            await self._tell()
        except StoreError as exc:
            _log.info(
                "order_not_told", model=order.model, code=exc.code
            )  # the next look and heartbeat do

    async def _carry_out(self, order: ModelOrder) -> str | None:
        """Gives why it failed; empty = it did not, None = a later order takes its place."""
        why = {"why": _why(order).value, "number": order.number}
        try:
            if order.action is ModelAction.UNLOAD:
                if await self._parts.reader.unload(order.model):
                    _log.info("model_unloaded", model=order.model, **why)
                return ""
            if not await self._fetched(order):
                return None
            if not await self._loaded(order):
                return None
        except OcrApiError as exc:
            if self._is_superseded(order):
                return None  # it may be what ended the load, which says nothing of the model
            told = {"code": exc.code, "detail": exc.detail}
            _log.warning("model_not_loaded", model=order.model, **why, **told)
            return exc.detail
        _log.info("model_load_followed", model=order.model, **why)
        return ""

    async def _fetched(self, order: ModelOrder) -> bool:
        """Waits until the weights are here; False = a later order takes the place of this one.

        Raises:
            OcrApiError: They cannot be had.
        """
        if not self._keeper.is_ready(order.model):
            self._keeper.ask(order.model)
        while not self._keeper.is_ready(order.model):
            refusal = self._keeper.refusal(order.model)
            if refusal is not None:
                with self._parts.reader.models.journal.cause(order.model, _why(order)):
                    raise refusal
            if self._is_superseded(order):
                return False
            await anyio.sleep(_LOOK_S)
        return True

    async def _loaded(self, order: ModelOrder) -> bool:
        """Loads a model when others let it; False = a later order takes the place of this one.

        What another worker has loaded drives nothing out here for a switch's sake: pages decide.

        Raises:
            OcrApiError: It cannot be loaded.
        """
        residents = self._parts.reader.models.residents
        while not self._is_superseded(order):
            evicts = bool(residents.room(order.model).evict)
            if order.is_switch and evicts and order.model in self._among.fleet.loaded:
                return True
            try:
                async with self._among.turns.turn(order.model, evicts=evicts) as is_ours:
                    if is_ours:
                        await self._parts.reader.load(order.model, _why(order))
                        return True
            except StoreError as exc:
                _log.info("no_turn_to_change", model=order.model, code=exc.code)
            await anyio.sleep(_LOOK_S)
        return False

    def _is_superseded(self, order: ModelOrder) -> bool:
        return is_superseded(order, self._newest or {}, self._switch)


def _why(order: ModelOrder) -> ModelWhy:
    return ModelWhy.SWITCH if order.is_switch else ModelWhy.WISH

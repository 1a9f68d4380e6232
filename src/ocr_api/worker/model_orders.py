"""What callers' switches and wishes mean for a worker. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ocr_api.store import CurrentModel, ModelAction, ModelWish, WorkerReport

_MICROSECONDS = 1_000_000
LATE_LOAD_S = 60.0
"""A worker that starts still follows a wish to load that is no older."""


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """Something to do with a model.

    Attributes:
        model: Which.
        action: What.
        number: Of the switch or wish that asks for it.
        is_switch: The model is current, not merely wished for.
    """

    model: str
    action: ModelAction
    number: int
    is_switch: bool = False


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of the latest order about a model.

    Attributes:
        number: Of the order; 0 = there was none.
        refusal: Why it failed; empty = it did not.
    """

    number: int = 0
    refusal: str = ""


def orders_of(current: CurrentModel | None, wishes: Iterable[ModelWish]) -> list[ModelOrder]:
    """Gives the latest order about each model."""
    orders = {wish.model: ModelOrder(wish.model, wish.action, wish.number) for wish in wishes}
    if current is not None:
        known = orders.get(current.model)
        if known is None or known.number < current.number:
            orders[current.model] = ModelOrder(
                current.model, ModelAction.LOAD, current.number, is_switch=True
            )
    return list(orders.values())


def passed_over(orders: Iterable[ModelOrder], now: float) -> dict[str, int]:
    """Gives what a worker that starts now takes for done already, as numbers by model.

    It has nothing to unload, and loads ahead what was wished for just now or is current.

    Args:
        orders: All.
        now: Seconds since the epoch by the server's clock.
    """
    oldest = int((now - LATE_LOAD_S) * _MICROSECONDS)
    return {
        order.model: order.number
        for order in orders
        if order.action is ModelAction.UNLOAD or (not order.is_switch and order.number < oldest)
    }


def switch_refusal(current: CurrentModel, workers: Sequence[WorkerReport]) -> str:
    """Gives why the current model cannot be loaded anywhere; empty = it can, or may yet.

    It cannot where every live worker that serves it has tried, for this very switch, in vain.

    Args:
        current: The latest switch.
        workers: The reports of all live workers.
    """
    reports = [worker.models[current.model] for worker in workers if current.model in worker.models]
    tried = [report for report in reports if report.followed >= current.number]
    may_try = any(report.followed < current.number and not report.reason for report in reports)
    if not tried or may_try or not all(report.refusal for report in tried):
        return ""
    return tried[0].refusal


def is_superseded(order: ModelOrder, newest: Mapping[str, int], switch: int) -> bool:
    """Tells whether a later order takes the place of one.

    Args:
        order: The order.
        newest: The number of the latest order by model.
        switch: The number of the latest switch.
    """
    return newest.get(order.model, 0) > order.number or (order.is_switch and switch > order.number)

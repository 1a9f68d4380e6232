"""The story of one delivery: take the event → sign → POST → acknowledge or back off."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import anyio

from ocr_api.errors import OcrApiError, OutboundError, StoreError
from ocr_api.jobs import Delivery, DeliveryState, DeliveryTry
from ocr_api.observability import get_logger
from ocr_api.outbound import Answer, Outbound
from ocr_api.store import JobStore
from ocr_api.webhooks.body import Bodies
from ocr_api.webhooks.schedule import Schedule, explain_status, retry_after_s, state_after
from ocr_api.webhooks.signing import Signer

_log = get_logger(__name__)
_STORE_PATIENCE_S = 0.5
_STORE_AWAY_S = 5.0
_HAND_BACK_S = 2.0
_CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the story needs.

    Attributes:
        store: The outbox.
        bodies: What is sent.
        outbound: Sends it, to public places only.
        signer: Signs it.
        schedule: When to try again.
        user_agent: How the notifier names itself.
        budget_s: In which a whole try must be over; less than the lease of a claim.
    """

    store: JobStore
    bodies: Bodies
    outbound: Outbound
    signer: Signer
    schedule: Schedule
    user_agent: str
    budget_s: float


async def deliver(claimed: Delivery, parts: Parts) -> None:
    """Makes one try at a claimed delivery and records how it went.

    Never raises for a delivery's sake. What cannot be recorded is tried again once the lease has
    run out, with the same id, so that the receiver can drop the repeat.
    """
    try:
        with anyio.move_on_after(parts.budget_s) as budget:
            await _try(claimed, parts)
        if budget.cancelled_caught:
            _log.warning("delivery_left_to_its_lease", delivery=claimed.id)
    except anyio.get_cancelled_exc_class():
        await _hand_back(claimed, parts)
        raise
    except StoreError as exc:
        _log.warning("waiting_for_store", delivery=claimed.id, code=exc.code, detail=exc.detail)
        await _hand_back(claimed, parts, _STORE_AWAY_S)
    except OcrApiError as exc:
        _log.warning("delivery_not_tried", delivery=claimed.id, code=exc.code, detail=exc.detail)
    except Exception:  # noqa: BLE001 - the border of the task: logged, and the lease brings it back
        _log.exception("delivery_failed_unexpectedly", delivery=claimed.id)


async def _try(claimed: Delivery, parts: Parts) -> None:
    body = await parts.bodies.get(claimed)
    if body is None:
        return
    made, answer = await _post(claimed, body, parts)
    if answer is None or (state := state_after(answer.status)) is DeliveryState.PENDING:
        await _back_off(claimed, made, answer, parts)
    else:
        await _end(claimed, state, made, parts)


async def _post(claimed: Delivery, body: bytes, parts: Parts) -> tuple[DeliveryTry, Answer | None]:
    """Sends the event; gives how that went, and the answer where there was one."""
    signed = parts.signer.headers(claimed.id, time.time(), body)
    headers = {"Content-Type": _CONTENT_TYPE, "User-Agent": parts.user_agent, **signed}
    made = DeliveryTry(claimed.claimed_at or 0.0, 0.0, signed=parts.signer.is_signing)
    started_at = time.monotonic()
    answer = None
    try:
        answer = await parts.outbound.post(claimed.url, headers, body)
        made = replace(made, status=answer.status, error=explain_status(answer.status))
    except OutboundError as exc:
        made = replace(made, error=exc.detail)
    return replace(made, duration_s=round(time.monotonic() - started_at, 3)), answer


async def _back_off(
    claimed: Delivery, made: DeliveryTry, answer: Answer | None, parts: Parts
) -> None:
    asked_s = None if answer is None else retry_after_s(answer.headers, time.time())
    chance = random.random()  # noqa: S311 - no secret
    wait_s = parts.schedule.wait_s(claimed.tried, asked_s, chance)
    if wait_s is None:
        await _end(claimed, DeliveryState.FAILED, made, parts)
        return
    _log.warning(
        "delivery_postponed", delivery=claimed.id, reason=made.error, wait_s=round(wait_s, 1)
    )
    await _patiently(lambda: parts.store.postpone(claimed, wait_s, made))


async def _end(claimed: Delivery, state: DeliveryState, made: DeliveryTry, parts: Parts) -> None:
    if not await _patiently(lambda: parts.store.settle(claimed, state, made)):
        _log.warning("delivery_claim_lost", delivery=claimed.id)
        return
    log = _log.info if state is DeliveryState.DELIVERED else _log.warning
    log("delivery_ended", delivery=claimed.id, state=state.value, tries=claimed.tried)
    await parts.bodies.drop(claimed)


async def _patiently(call: Callable[[], Awaitable[bool]]) -> bool:
    """Repeats a fenced call until the store answers, so that its absence causes no second POST.

    Where the first call did arrive, the fence refuses the repeat, which then counts as lost.
    """
    while True:
        try:
            return await call()
        except StoreError as exc:
            _log.warning("waiting_for_store", code=exc.code, detail=exc.detail)
            await anyio.sleep(_STORE_PATIENCE_S)


async def _hand_back(claimed: Delivery, parts: Parts, wait_s: float = 0.0) -> None:
    """Gives an interrupted delivery back, uncharged; should that fail, its lease runs out."""
    with anyio.move_on_after(_HAND_BACK_S, shield=True):
        try:
            await parts.store.release_delivery(claimed, wait_s)
        except StoreError as exc:
            _log.info("delivery_not_handed_back", delivery=claimed.id, code=exc.code)

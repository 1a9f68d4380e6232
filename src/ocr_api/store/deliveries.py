"""Deliveries of events to webhooks: claimed under leases, settled, repeated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

from ocr_api.errors import UnknownDeliveryError
from ocr_api.jobs import Delivery, DeliveryState, DeliveryTry
from ocr_api.store import keys
from ocr_api.store.records import decode_delivery, decode_fields, encode_try
from ocr_api.store.scripts import Script, Scripts

_RECLAIMED_AT_ONCE = 100
_CUT_OFF = "The notifier stopped in the middle of this try."


class Deliveries:
    """The part of the store about webhooks.

    A delivery is written by the script call that ends its job. A stale notifier changes nothing
    here: the attempt number of its claim is the fence.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def claim_delivery(self, notifier_id: str, lease_s: float) -> Delivery | None:
        """Claims the delivery that is due first; None = none is due.

        Receivers that have as many deliveries on their way as one may have are passed over. The
        log of tries is not read. Counts as a try at once, so that crashes count too.

        Args:
            notifier_id: The claimer.
            lease_s: How long the claim lasts; it is not renewed, so that a whole try must fit.
        """
        reply = await self._scripts.call(Script.DELIVERY_CLAIM, notifier_id, lease_s)
        return None if reply is None else decode_delivery(decode_fields(reply))

    async def keep_body(self, claimed: Delivery, body_key: str) -> bool:
        """Notes where the body lies; afterwards the job may be removed. False = a stale claim."""
        reply = await self._scripts.call(Script.DELIVERY_KEEP, *_fence(claimed), body_key)
        return reply == 1

    async def settle(self, claimed: Delivery, state: DeliveryState, made: DeliveryTry) -> bool:
        """Ends a delivery for good; False = a stale claim, and nothing has changed."""
        return await self._settle(claimed, state, 0.0, encode_try(made))

    async def postpone(self, claimed: Delivery, wait_s: float, made: DeliveryTry) -> bool:
        """Has a delivery tried again after `wait_s` seconds; False = a stale claim."""
        return await self._settle(claimed, DeliveryState.PENDING, wait_s, encode_try(made))

    async def release_delivery(self, claimed: Delivery, wait_s: float = 0.0) -> bool:
        """Hands a delivery back, as if it had not been claimed; False = a stale claim."""
        return await self._settle(claimed, DeliveryState.PENDING, wait_s, b"")

    async def reclaim_deliveries(self, most_tries: int) -> None:
        """Takes back every delivery whose lease expired; one tried `most_tries` times fails.

        Call it on a timer.
        """
        story = json.dumps({"error": _CUT_OFF})[1:-1]
        while True:
            reply = await self._scripts.call(
                Script.DELIVERY_RECLAIM, _RECLAIMED_AT_ONCE, most_tries, story
            )
            if cast("int", reply) < _RECLAIMED_AT_ONCE:
                return

    async def deliveries(self, ids: Sequence[str]) -> list[Delivery]:
        """Gives those of these deliveries that exist, with their tries."""
        if not ids:
            return []
        reply = await self._scripts.call(Script.DELIVERY_SHOW, *ids)
        found = cast("list[tuple[object, list[bytes]]]", reply)
        return [decode_delivery(decode_fields(fields), tries) for fields, tries in found]

    async def deliveries_of(self, job_id: str) -> list[Delivery]:
        """Gives the deliveries of a job, with their tries; they may outlive it."""
        return await self.deliveries(keys.delivery_ids(job_id))

    async def redeliver(self, job_id: str, delivery_id: str) -> Delivery:
        """Has a delivery of a job sent again, at once, with its full number of tries.

        One that is on its way goes on as it is. Gives it as it then stands.

        Raises:
            UnknownDeliveryError: The job has no such delivery, or both are removed.
        """
        is_known = delivery_id in keys.delivery_ids(job_id)
        if not is_known or await self._scripts.call(Script.DELIVERY_AGAIN, delivery_id) != 1:
            raise UnknownDeliveryError("The job has no such delivery (any more).")
        (delivery,) = await self.deliveries([delivery_id])
        return delivery

    async def _settle(
        self, claimed: Delivery, state: DeliveryState, wait_s: float, made: bytes
    ) -> bool:
        reply = await self._scripts.call(
            Script.DELIVERY_SETTLE, *_fence(claimed), state.value, wait_s, made
        )
        return reply == 1


def _fence(claimed: Delivery) -> tuple[str, int]:
    return claimed.id, claimed.attempt

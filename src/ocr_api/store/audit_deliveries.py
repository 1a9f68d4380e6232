"""The audit's part about webhooks: deliveries, their queues, their logs and their bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from redis.asyncio import Redis

from ocr_api.store import keys
from ocr_api.store.commands import commands
from ocr_api.store.failures import redis_failures
from ocr_api.store.records import Fields, decode_fields

Wrong = tuple[str, str]
"""Name of a key or a file, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """What was found of deliveries.

    Attributes:
        deliveries: Hashes by id.
        logs: Ids of those that have a log of tries.
        lanes: Waiting ids, by receiver.
        busy: Ids on their way, by receiver.
        receivers: That wait in the outbox.
        leases: Ids of claimed ones.
        quick: Receivers that took their latest one.
    """

    deliveries: Mapping[str, Fields] = field(default_factory=dict[str, Fields])
    logs: frozenset[str] = frozenset()
    lanes: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    busy: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    receivers: frozenset[str] = frozenset()
    leases: frozenset[str] = frozenset()
    quick: frozenset[str] = frozenset()


async def take_outbox(redis: Redis, names: frozenset[str]) -> Outbox:
    """Reads everything about deliveries."""
    found: dict[str, Fields] = {}
    for delivery_id in _after(names, keys.DELIVERY):
        with redis_failures():
            fields = decode_fields(await commands(redis).hgetall(keys.DELIVERY + delivery_id))
        if fields:
            found[delivery_id] = fields
    lanes = _after(names, keys.OUTBOX_LANE)
    busy = _after(names, keys.OUTBOX_BUSY)
    return Outbox(
        deliveries=found,
        logs=_after(names, keys.DELIVERY_LOG),
        lanes={one: await sorted_members(redis, keys.OUTBOX_LANE + one) for one in lanes},
        busy={one: await plain_members(redis, keys.OUTBOX_BUSY + one) for one in busy},
        receivers=await sorted_members(redis, keys.OUTBOX),
        leases=await sorted_members(redis, keys.DELIVERY_LEASES),
        quick=await plain_members(redis, keys.OUTBOX_QUICK),
    )


def wrong_deliveries(
    found: Outbox, job_ids: frozenset[str], told: frozenset[str], files: frozenset[str]
) -> Iterator[Wrong]:
    """Compares deliveries with their jobs, queues and bodies. Pure.

    Args:
        found: What was found of deliveries.
        job_ids: Of all jobs.
        told: Ids of the ended jobs that have a webhook.
        files: Keys of all bodies.
    """
    for delivery_id, fields in found.deliveries.items():
        yield from _wrong_delivery(found, delivery_id, fields, job_ids)
    for delivery_id in found.logs - found.deliveries.keys():
        yield keys.DELIVERY_LOG + delivery_id, "belongs to no delivery"
    for job_id in told:
        if not found.deliveries.keys() & set(keys.delivery_ids(job_id)):
            yield keys.DELIVERY + keys.DELIVERY_ID + job_id, "is missing; its job has ended"
    yield from _wrong_queues(found)
    needed = {fields["body_key"] for fields in found.deliveries.values() if "body_key" in fields}
    for key in needed ^ files:
        yield key, "is missing, a delivery needs it" if key in needed else "is needed by nobody"


def _wrong_delivery(
    found: Outbox, delivery_id: str, fields: Fields, job_ids: frozenset[str]
) -> Iterator[Wrong]:
    name, receiver = keys.DELIVERY + delivery_id, fields["receiver"]
    is_pending, is_claimed = fields["state"] == "pending", "worker" in fields
    is_waiting = delivery_id in found.lanes.get(receiver, ())
    if is_waiting != (is_pending and not is_claimed):
        yield name, "waits in no lane, or in one although it does not wait"
    if (delivery_id in found.leases) != is_claimed:
        yield name, "is claimed without a lease, or the other way round"
    if (delivery_id in found.busy.get(receiver, ())) != is_claimed:
        yield name, "is claimed and not counted for its receiver, or the other way round"
    if fields["state"] in {"delivered", "gone"} and delivery_id not in found.logs:
        yield keys.DELIVERY_LOG + delivery_id, "is missing; its delivery was tried"
    if not is_pending and fields["job_id"] not in job_ids and "ended_at" not in fields:
        yield name, "belongs to no job"


def _wrong_queues(found: Outbox) -> Iterator[Wrong]:
    queued = {one for ids in (*found.lanes.values(), *found.busy.values()) for one in ids}
    for delivery_id in (queued | found.leases) - found.deliveries.keys():
        yield keys.DELIVERY + delivery_id, "is queued and has no record"
    for receiver in found.receivers - found.lanes.keys():
        yield f"{keys.OUTBOX} {receiver}", "waits in the outbox without a delivery"
    for receiver in found.lanes.keys() - found.receivers - found.busy.keys():
        yield f"{keys.OUTBOX} {receiver}", "has deliveries waiting and is not in the outbox"
    for receiver in found.quick - found.lanes.keys() - found.busy.keys():
        yield f"{keys.OUTBOX_QUICK} {receiver}", "is remembered without a delivery"


def _after(names: frozenset[str], prefix: str) -> frozenset[str]:
    return frozenset(name.removeprefix(prefix) for name in names if name.startswith(prefix))


async def sorted_members(redis: Redis, name: str) -> frozenset[str]:
    """Gives the members of a sorted set."""
    with redis_failures():
        return frozenset(one.decode() for one in await commands(redis).zrange(name, 0, -1))


async def plain_members(redis: Redis, name: str) -> frozenset[str]:
    """Gives the members of a set."""
    with redis_failures():
        return frozenset(one.decode() for one in await commands(redis).smembers(name))

"""Turns to change what is in memory: not all workers at once, and no turn outlives its worker."""

from __future__ import annotations

import anyio
import pytest

from ocr_api.store import JobStore, ModelTurn, WorkerReport

pytestmark = pytest.mark.anyio


async def takes(
    store: JobStore,
    worker: str,
    model: str,
    *,
    evicts: bool = True,
    is_alone: bool = False,
    ttl_s: float = 5.0,
) -> bool:
    return await store.take_turn(ModelTurn(worker, model, evicts), is_alone=is_alone, ttl_s=ttl_s)


async def report(store: JobStore, *workers: str) -> None:
    for worker in workers:
        await store.report(WorkerReport(id=worker, host="here", pid=1), 30)


async def test_of_two_workers_one_changes_at_a_time(store: JobStore) -> None:
    await report(store, "one", "two")
    assert await takes(store, "one", "qari")
    assert not await takes(store, "two", "got")
    assert await takes(store, "one", "qari")  # renewed
    await store.end_turn(ModelTurn("one", "qari", evicts=True))
    assert await takes(store, "two", "got")


async def test_of_five_workers_two_change_at_a_time(store: JobStore) -> None:
    workers = ["a", "b", "c", "d", "e"]
    await report(store, *workers)
    taken = [await takes(store, worker, "qari") for worker in workers]
    assert taken == [True, True, False, False, False]


async def test_load_into_free_room_waits_for_nobody(store: JobStore) -> None:
    await report(store, "one", "two")
    assert await takes(store, "one", "qari")
    assert await takes(store, "two", "got", evicts=False)


async def test_free_room_keeps_nobody_from_evicting(store: JobStore) -> None:
    assert await takes(store, "one", "qari", evicts=False)
    assert await takes(store, "two", "got")


async def test_one_load_of_a_model_at_a_time_where_that_is_asked(store: JobStore) -> None:
    assert await takes(store, "one", "qari", evicts=False)
    assert not await takes(store, "two", "qari", evicts=False, is_alone=True)
    assert await takes(store, "two", "qari", evicts=False)
    assert await takes(store, "three", "got", evicts=False, is_alone=True)


async def test_turn_of_a_worker_that_is_gone_ends_by_itself(store: JobStore) -> None:
    assert await takes(store, "one", "qari", ttl_s=0.2)
    assert not await takes(store, "two", "got")
    await anyio.sleep(0.3)
    assert await takes(store, "two", "got")

"""What became of models is kept, newest first, and not for ever."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from ocr_api.store import JobStore, ModelEvent, Serving, StoreLimits

pytestmark = pytest.mark.anyio


def load(model: str, number: int = 0) -> ModelEvent:
    return ModelEvent("load", model, "page", "w1", 1.5, 60, f"load {number}")


async def test_event_is_given_back_with_the_servers_time(store: JobStore) -> None:
    await store.add_model_event(load("got"), "t1", age_s=30)
    (event,) = (await store.model_events(limit=5)).events
    assert event.id
    assert abs(event.at - (await store.server_time() - 30)) < 5
    assert (event.kind, event.model, event.why, event.worker) == ("load", "got", "page", "w1")
    assert (event.duration_s, event.memory_mib, event.detail) == (1.5, 60, "load 0")
    assert (event.previous, event.by) == (None, "")


async def test_event_that_was_kept_already_is_not_kept_twice(store: JobStore) -> None:
    await store.add_model_event(load("got"), "t1")
    await store.add_model_event(load("got"), "t1", is_again=True)
    await store.add_model_event(load("got"), "t2", is_again=True)
    assert len((await store.model_events(limit=5)).events) == 2


async def test_switch_and_rollback_are_written_by_the_calls_that_make_them(store: JobStore) -> None:
    first = await store.switch_model("got", "qari", by="127.0.0.1", needs_loading=False)
    second = await store.switch_model("deepseek", "qari", serving=Serving("got", "got"))
    assert not await store.fall_back(first.number, "Too late.")
    assert await store.fall_back(second.number, "No room.")
    events = (await store.model_events(limit=5)).events
    assert [(event.kind, event.model, event.previous) for event in events] == [
        ("rollback", "deepseek", "got"),
        ("switch", "deepseek", "got"),
        ("switch", "got", "qari"),
    ]
    assert (events[0].detail, events[0].why, events[2].by) == ("No room.", "failure", "127.0.0.1")


async def test_events_are_read_in_stretches_and_by_model(store: JobStore) -> None:
    for number in range(7):
        await store.add_model_event(load("ab"[number % 2], number), f"t{number}")
    first = await store.model_events(limit=3)
    second = await store.model_events(limit=3, cursor=first.next_cursor)
    third = await store.model_events(limit=3, cursor=second.next_cursor)
    told = [event.detail for part in (first, second, third) for event in part.events]
    assert told == [f"load {number}" for number in reversed(range(7))]
    assert third.next_cursor is None
    of_b = (await store.model_events(limit=9, model="b")).events
    assert [event.detail for event in of_b] == ["load 5", "load 3", "load 1"]


async def test_old_events_are_dropped(redis: Redis) -> None:
    store = JobStore(redis, StoreLimits(model_events_kept=100))
    for number in range(400):
        await store.add_model_event(load("a", number), f"t{number}")
    kept = (await store.model_events(limit=400)).events
    assert 100 <= len(kept) <= 300
    assert kept[0].detail == "load 399"

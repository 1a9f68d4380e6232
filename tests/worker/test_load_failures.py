"""When a model that could not be loaded is tried again; how long lanes wait; who is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.worker.lane_waits import LaneWaits
from ocr_api.worker.load_failures import LoadFailures
from ocr_api.worker.residency import ResidencyPlan
from ocr_api.worker.residents import Residents, Seat

steps = st.lists(
    st.tuples(st.sampled_from(["enter", "leave", "load", "drop"]), st.sampled_from("abcd")),
    max_size=60,
)


def test_pages_wait_through_two_pauses_and_fail_from_the_third_failure_on() -> None:
    now = [100.0]
    failures = LoadFailures(lambda: now[0])
    for pause_s in (1.0, 2.0):
        failures.count("a", "no disk")
        assert failures.is_paused("a")
        assert failures.refusal("a") == ""
        now[0] += pause_s
        assert not failures.is_paused("a")
    failures.count("a", "no disk")
    assert failures.refusal("a") == failures.told("a") == "no disk"
    now[0] += 4.0
    assert failures.refusal("a") == ""
    failures.forget("a")
    assert failures.told("a") == ""
    failures.count("a", "again")
    assert failures.refusal("a") == ""


def test_pause_never_grows_beyond_five_minutes() -> None:
    now = [0.0]
    failures = LoadFailures(lambda: now[0])
    for _ in range(40):
        failures.count("a", "no disk")
    now[0] = 300.0
    assert not failures.is_paused("a")


def test_waits_add_up_by_page_and_end_when_the_lane_is_open_or_empty() -> None:
    waits = LaneWaits()
    waits.note({"a": 2}, 10)
    waits.note({"a": 3, "b": 1}, 11)
    waits.note({"a": 3, "b": 1}, 13)
    a, b = waits.lanes("ab")
    assert (a.pages, a.oldest_s, a.waited_s) == (3, 3, 2 + 6)
    assert (b.pages, b.oldest_s, b.waited_s) == (1, 2, 2)
    waits.note({"b": 1}, 14)
    assert [lane.model for lane in waits.lanes("ab")] == ["b"]
    waits.note({"a": 1, "b": 0}, 15)
    assert [(lane.model, lane.oldest_s) for lane in waits.lanes("ab")] == [("a", 0)]


@given(steps)
def test_who_leaves_makes_room_and_is_never_pinned(told: list[tuple[str, str]]) -> None:
    now = [0.0]
    seats = {model: Seat("cpu", 1, lambda: 40, is_exact=True) for model in "abcd"}
    plan = ResidencyPlan({"cpu": 100}, pinned=frozenset("d"))
    residents = Residents(seats, plan, lambda: now[0])
    entered: list[str] = []
    for act, model in told:
        now[0] += 1
        if act == "enter" and residents.enter(model):
            entered.append(model)
        elif act == "leave" and model in entered:
            entered.remove(model)
            residents.leave(model)
        elif act == "load" and not residents.seat(model).is_present:
            room = residents.room(model)
            assert room.is_possible or "d" in [m for m in "abcd" if seats[m].is_present]
            assert "d" not in room.evict
            assert not room.waits_for
            if set(room.evict) & set(entered):
                continue  # the change would wait
            for victim in room.evict:
                residents.gone(victim)
            residents.begin_load(model)
            residents.end_load(model, load_s=1.0)
        elif act == "drop" and model not in entered:
            residents.gone(model)
        assert 40 * sum(seat.is_present for seat in seats.values()) <= 100
        assert all(seats[model].is_present for model in entered)


@pytest.mark.parametrize(("known_mib", "is_exact"), [(None, False), (500, False), (500, True)])
def test_estimate_refuses_nothing_but_a_measurement_does(
    known_mib: int | None,
    is_exact: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    seat = Seat("cpu", 1, lambda: known_mib, is_exact=is_exact)
    residents = Residents({"a": seat}, ResidencyPlan({"cpu": 100}), lambda: 0.0)
    assert residents.room("a").is_possible is not is_exact
    without_bound = Residents({"a": seat}, ResidencyPlan(), lambda: 0.0)
    assert without_bound.room("a").is_possible

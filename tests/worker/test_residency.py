"""Who leaves for whom."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ocr_api.worker.residency import Resident, expired, make_room, one_too_many

residents = st.lists(
    st.builds(
        Resident,
        model=st.sampled_from("abcdef"),
        memory_mib=st.integers(1, 6000),
        last_used_s=st.floats(0, 1000),
        is_busy=st.booleans(),
        is_pinned=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda resident: resident.model,
)


def test_least_recently_used_leaves() -> None:
    loaded = [Resident("old", 3000, 1.0), Resident("new", 3000, 2.0)]

    assert make_room(3000, 8000, loaded).evict == ("old",)


def test_nobody_leaves_where_there_is_room() -> None:
    room = make_room(2000, 8000, [Resident("a", 3000, 1.0), Resident("b", 3000, 2.0)])

    assert (room.evict, room.waits_for, room.is_possible) == ((), (), True)


def test_small_old_one_stays_where_the_large_one_must_leave_anyway() -> None:
    loaded = [Resident("small", 500, 1.0), Resident("large", 6000, 2.0)]

    assert make_room(6500, 7000, loaded).evict == ("large",)
    assert make_room(6900, 7000, loaded).evict == ("small", "large")


def test_pinned_one_never_leaves() -> None:
    room = make_room(6000, 8000, [Resident("pinned", 3000, 1.0, is_pinned=True)])

    assert not room.is_possible
    assert room.lacking_mib == 1000


def test_busy_one_is_waited_for() -> None:
    room = make_room(6000, 8000, [Resident("busy", 3000, 1.0, is_busy=True)])

    assert room.waits_for == ("busy",)
    assert room.evict == ()


def test_idle_one_leaves_after_its_time_but_not_a_pinned_or_busy_one() -> None:
    loaded = [
        Resident("idle", 1, 0.0),
        Resident("used", 1, 95.0),
        Resident("pinned", 1, 0.0, is_pinned=True),
        Resident("busy", 1, 0.0, is_busy=True),
    ]

    assert expired(loaded, 100.0, 60.0) == ("idle",)


@given(residents, st.integers(1, 8000), st.integers(1, 8000))
def test_evictions_make_room_and_spare_the_busy_and_the_pinned(
    found: list[Resident], needed_mib: int, budget_mib: int
) -> None:
    room = make_room(needed_mib, budget_mib, found)

    left = [resident for resident in found if resident.model not in room.evict]
    assert all(
        not (resident.is_busy or resident.is_pinned) for resident in found if resident not in left
    )
    if room.is_possible and not room.waits_for:
        assert sum(resident.memory_mib for resident in left) + needed_mib <= budget_mib
        for model in room.evict:  # none of them leaves for nothing
            back = next(resident for resident in found if resident.model == model)
            taken_mib = sum(resident.memory_mib for resident in left) + needed_mib
            assert taken_mib + back.memory_mib > budget_mib
    if not room.is_possible:
        pinned_mib = sum(resident.memory_mib for resident in found if resident.is_pinned)
        assert needed_mib + pinned_mib > budget_mib


def test_idle_model_leaves_where_all_have_outgrown_the_budget() -> None:
    old, new = Resident("old", 3000, 1.0), Resident("new", 3000, 2.0)
    assert one_too_many([old, new], 6000) is None
    assert one_too_many([old, new], 5999) == "old"
    assert one_too_many([replace(old, is_busy=True), new], 5000) == "new"
    assert one_too_many([replace(old, is_pinned=True), replace(new, is_busy=True)], 5000) is None
    assert one_too_many([old], 2000) is None  # nobody would be helped
    assert one_too_many([], 2000) is None

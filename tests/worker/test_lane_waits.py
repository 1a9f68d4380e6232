"""How long pages wait in lanes that are closed here."""

from __future__ import annotations

from ocr_api.worker.lane_waits import LaneWaits
from ocr_api.worker.scheduling import Lane


def waits(*looks: tuple[float, int], elsewhere: int = 0) -> Lane:
    """Looks at one lane at times, in seconds, at which so many pages wait."""
    found = LaneWaits()
    for now_s, pages in looks:
        found.note({"got": pages}, now_s, {"got": elsewhere} if elsewhere else {})
    (lane,) = found.lanes(["got"])
    return lane


def test_waits_of_all_pages_add_up() -> None:
    assert waits((10, 2), (12, 3), (13, 3)) == Lane("got", 3, 3, 2 * 2 + 3)


def test_lane_that_was_empty_begins_anew() -> None:
    assert waits((10, 2), (12, 0), (13, 1), (14, 1)) == Lane("got", 1, 1, 1)


def test_pages_that_another_worker_takes_do_not_wait() -> None:
    assert waits((10, 4), (20, 4), elsewhere=4) == Lane("got", 4, 0, 0)


def test_pages_beyond_what_another_worker_takes_add_up() -> None:
    assert waits((10, 7), (20, 7), elsewhere=4) == Lane("got", 7, 0, 30)


def test_bound_counts_from_when_nobody_serves_the_lane_any_more() -> None:
    found = LaneWaits()
    found.note({"got": 1}, 0, {"got": 4})
    found.note({"got": 1}, 100, {"got": 4})
    found.note({"got": 1}, 105)
    assert [lane.oldest_s for lane in found.lanes(["got"])] == [5]

"""Which pages a worker may take, by what it has in work."""

from __future__ import annotations

import pytest

from ocr_api.store import Watch
from ocr_api.worker.hands import Hands


def hands() -> Hands:
    return Hands(["auto", "qari", "tesseract"], 2, {"qari": 3})


def test_model_that_reads_batches_has_hands_of_its_own() -> None:
    worker = hands()
    for _ in range(2):
        worker.take("tesseract")
    assert worker.at_once().lanes == ("qari",)
    for _ in range(3):
        worker.take("qari")
    assert worker.at_once().lanes == ()


def test_no_more_is_claimed_than_fits_into_any_lane() -> None:
    worker = hands()
    assert worker.at_once().most == 2
    worker.take("qari")
    worker.take("qari")
    assert worker.at_once().most == 1
    worker.take("qari")
    worker.take("qari")
    assert (worker.at_once().lanes, worker.at_once().most) == (("auto", "tesseract"), 2)
    assert (worker.ahead().lanes, worker.ahead().most) == (("qari",), 2)


def test_next_round_is_claimed_ahead_once_the_first_is_full() -> None:
    worker = hands()
    taken = [worker.take("qari") for _ in range(2)]
    assert worker.ahead().lanes == ()
    taken += [worker.take("qari") for _ in range(2)]
    assert worker.ahead().lanes == ("qari",)
    taken += [worker.take("qari") for _ in range(2)]
    assert worker.ahead().lanes == ()
    for hand in taken[:4]:
        worker.release(hand)
    assert "qari" in worker.at_once().lanes


def test_page_that_auto_routed_moves_to_the_hands_of_its_model() -> None:
    worker = hands()
    routed, other = worker.take("auto"), worker.take("auto")
    assert worker.at_once().lanes == ("qari",)
    assert routed.move("qari")
    assert other.move("tesseract")
    assert worker.at_once().lanes == ("auto", "qari", "tesseract")
    worker.release(routed)
    worker.release(other)
    assert worker.at_once().lanes == ("auto", "qari", "tesseract")


def test_page_is_not_moved_to_full_hands() -> None:
    worker = hands()
    for _ in range(6):
        worker.take("qari")
    assert not worker.take("auto").move("qari")


@pytest.mark.anyio
async def test_waiter_is_woken_when_a_lane_gets_room_and_not_before() -> None:
    worker = hands()
    first, second = worker.take("auto"), worker.take("auto")
    watch = Watch()
    with worker.waking(watch):
        worker.release(first)
        assert await watch.changed(0)
        worker.release(second)
        assert not await watch.changed(0)

"""What switches and wishes mean for a worker, and when a switch is hopeless."""

from __future__ import annotations

from ocr_api.store import CurrentModel, ModelAction, ModelReport, ModelWish, WorkerReport
from ocr_api.worker.model_orders import (
    LATE_LOAD_S,
    ModelOrder,
    is_superseded,
    orders_of,
    passed_over,
    switch_refusal,
)

NOW = 1_700_000_000.0
NUMBER = int(NOW * 1e6)
SWITCH = CurrentModel("got", "qari", NOW, NUMBER, is_settled=False)
FAILED = ModelReport(status="failed", followed=NUMBER, refusal="No room.")


def worker(name: str, report: ModelReport) -> WorkerReport:
    return WorkerReport(name, models={"got": report})


def test_latest_order_about_a_model_counts() -> None:
    unload = ModelWish("got", ModelAction.UNLOAD, NUMBER + 1)
    other = ModelWish("qari", ModelAction.LOAD, NUMBER + 2)
    assert orders_of(SWITCH, [unload, other]) == [
        ModelOrder("got", ModelAction.UNLOAD, NUMBER + 1),
        ModelOrder("qari", ModelAction.LOAD, NUMBER + 2),
    ]
    earlier = ModelWish("got", ModelAction.UNLOAD, NUMBER - 1)
    assert orders_of(SWITCH, [earlier]) == [
        ModelOrder("got", ModelAction.LOAD, NUMBER, is_switch=True)
    ]
    assert orders_of(None, []) == []


def test_starting_worker_replays_no_unload_and_no_old_load() -> None:
    old = NUMBER - int(LATE_LOAD_S * 1e6) - 1
    orders = [
        ModelOrder("unloaded", ModelAction.UNLOAD, NUMBER),
        ModelOrder("wished-long-ago", ModelAction.LOAD, old),
        ModelOrder("wished-just-now", ModelAction.LOAD, old + 2),
        ModelOrder("current", ModelAction.LOAD, old, is_switch=True),
    ]
    assert passed_over(orders, NOW) == {"unloaded": NUMBER, "wished-long-ago": old}


def test_switch_is_hopeless_when_all_that_serve_it_failed_for_it() -> None:
    unable = ModelReport(reason="No GPU.")
    assert switch_refusal(SWITCH, [worker("a", FAILED)]) == "No room."
    assert switch_refusal(SWITCH, [worker("a", FAILED), worker("b", unable)]) == "No room."
    assert switch_refusal(SWITCH, [worker("a", FAILED), WorkerReport("b")]) == "No room."


def test_switch_may_yet_succeed() -> None:
    trying = ModelReport(status="loading", followed=NUMBER - 1, refusal="An earlier failure.")
    loaded = ModelReport(loaded=1, status="loaded", followed=NUMBER)
    for other in (trying, loaded):
        assert switch_refusal(SWITCH, [worker("a", FAILED), worker("b", other)]) == ""
    assert switch_refusal(SWITCH, []) == ""
    assert switch_refusal(SWITCH, [worker("a", ModelReport(reason="No GPU."))]) == ""


def test_worker_that_is_limited_to_other_models_has_no_say_in_a_switch() -> None:
    left_out = ModelReport(reason="WORKER_MODELS leaves it out.", status="not_found")
    limited = worker("limited", left_out)
    assert switch_refusal(SWITCH, [worker("a", FAILED), limited]) == "No room."
    trying = ModelReport(status="loading", followed=NUMBER - 1)
    assert switch_refusal(SWITCH, [worker("a", FAILED), limited, worker("b", trying)]) == ""
    assert switch_refusal(SWITCH, [limited]) == ""


def test_weights_that_cannot_be_had_count_as_a_failure() -> None:
    lacking = ModelReport(reason="Not fetched.", followed=NUMBER, refusal="Not fetched.")
    assert switch_refusal(SWITCH, [worker("a", lacking)]) == "Not fetched."


def test_later_order_takes_the_place_of_an_earlier_one() -> None:
    load = ModelOrder("got", ModelAction.LOAD, 5)
    switch = ModelOrder("got", ModelAction.LOAD, 5, is_switch=True)
    assert is_superseded(load, {"got": 6}, 0)
    assert not is_superseded(load, {"got": 5, "qari": 9}, 7)
    assert is_superseded(switch, {"got": 5}, 7)
    assert not is_superseded(switch, {"got": 5}, 5)

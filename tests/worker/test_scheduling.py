"""Which model is served next: fair, and with few loads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_api.worker.scheduling import Lane, Situation, decide
from tests.worker.traces import Trace, fewest_loads, make_trace, simulate

LOAD_S = {"a": 4.0, "b": 6.0, "c": 2.0}
FAIRNESS_S = 30.0
TRACES = [make_trace(seed) for seed in range(100)]


def situation(*lanes: Lane, loaded: str = "", idle_s: float = 0.0) -> Situation:
    return Situation(lanes, frozenset(loaded), idle_s, LOAD_S, FAIRNESS_S)


def lane(model: str, *waits_s: float) -> Lane:
    return Lane(model, len(waits_s), max(waits_s), sum(waits_s))


lanes = st.lists(
    st.builds(
        lambda model, waits: lane(model, *waits),
        st.sampled_from("abc"),
        st.lists(st.floats(0, 100), min_size=1, max_size=5),
    ),
    max_size=3,
    unique_by=lambda found: found.model,
)


def test_loaded_model_goes_on_while_nobody_waits_too_long() -> None:
    assert decide(situation(lane("a", 1), lane("b", 29, 28, 27), loaded="a")).model == "a"


def test_page_that_waited_too_long_comes_first() -> None:
    assert decide(situation(lane("a", 1, 1, 1), lane("b", 30), loaded="a")).model == "b"


def test_nothing_loaded_means_no_lingering() -> None:
    assert decide(situation(lane("b", 0.0))).model == "b"


def test_worker_that_was_just_busy_lingers() -> None:
    decision = decide(situation(lane("b", 0.0), loaded="a", idle_s=1.0))

    assert decision.model is None
    assert 0 < decision.ask_again_s <= FAIRNESS_S


def test_worker_that_is_long_idle_changes_at_once() -> None:
    assert decide(situation(lane("b", 0.0), loaded="a", idle_s=60.0)).model == "b"


def test_many_waiting_pages_outweigh_a_load() -> None:
    assert decide(situation(lane("b", *[4.0] * 10), loaded="a", idle_s=0.0)).model == "b"


@given(lanes, st.sets(st.sampled_from("abc")), st.floats(0, 100))
def test_decision_is_a_lane_or_a_time_to_ask_again(
    found: list[Lane], loaded: set[str], idle_s: float
) -> None:
    decision = decide(Situation(found, frozenset(loaded), idle_s, LOAD_S, FAIRNESS_S))

    if decision.model is None:
        assert decision.ask_again_s > 0
        assert not any(one.model in loaded or one.oldest_s >= FAIRNESS_S for one in found)
    else:
        assert decision.model in {one.model for one in found}


@given(lanes, st.sets(st.sampled_from("abc")), st.floats(0, 100))
def test_asking_again_after_the_time_given_brings_a_model(
    found: list[Lane], loaded: set[str], idle_s: float
) -> None:
    now = Situation(found, frozenset(loaded), idle_s, LOAD_S, FAIRNESS_S)
    wait_s = decide(now).ask_again_s + 1e-6
    later = [
        Lane(one.model, one.pages, one.oldest_s + wait_s, one.waited_s + one.pages * wait_s)
        for one in found
    ]

    decision = decide(Situation(later, frozenset(loaded), idle_s + wait_s, LOAD_S, FAIRNESS_S))

    assert (decision.model is None) == (not found)


def test_no_page_waits_longer_than_the_bound_and_the_others_turns() -> None:
    for trace in TRACES:
        outcome = simulate(trace)
        assert len(outcome.waits_s) == trace.pages
        assert max(outcome.waits_s) <= trace.limit_s + 1e-6


def test_loads_stay_near_the_fewest_possible() -> None:
    loads = sum(len(simulate(trace).loads) for trace in TRACES)

    assert loads <= 1.5 * sum(fewest_loads(trace) for trace in TRACES)


def test_pages_in_turn_are_read_in_runs_not_one_by_one() -> None:
    in_turn = {"a": [float(second) for second in range(0, 60, 2)], "b": [*range(1, 61, 2)]}
    trace = Trace(in_turn, {"a": 4.0, "b": 4.0}, batch_s=0.5, fairness_s=15.0)

    assert len(simulate(trace).loads) <= trace.pages / 6

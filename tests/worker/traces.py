"""A device with room for one model: seeded traffic, its simulation, and the best possible."""

from __future__ import annotations

import bisect
import heapq
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ocr_api.worker.scheduling import Lane, Situation, decide

_SAME_S = 1e-9


@dataclass(frozen=True, slots=True)
class Trace:
    """Pages that come, and what serving them takes.

    Attributes:
        arrivals: When the pages of each model come, in seconds, rising.
        load_s: Time to load each model.
        batch_s: Time to read all pages of a model that wait together.
        fairness_s: The scheduler's bound.
    """

    arrivals: Mapping[str, Sequence[float]]
    load_s: Mapping[str, float]
    batch_s: float
    fairness_s: float

    @property
    def limit_s(self) -> float:
        """Longest wait that is promised: the bound, and a load and a batch for each other model."""
        others = len(self.arrivals) - 1
        return self.fairness_s + others * (max(self.load_s.values()) + self.batch_s)

    @property
    def pages(self) -> int:
        """How many pages come."""
        return sum(map(len, self.arrivals.values()))


@dataclass(slots=True)
class Outcome:
    """What a simulation saw: the loads, and the wait of every page until it was read."""

    loads: list[str] = field(default_factory=list[str])
    waits_s: list[float] = field(default_factory=list[float])


def make_trace(seed: int) -> Trace:
    """Gives traffic of 2 or 3 models and 5 to 40 pages, even or in three bursts."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    models = "abc"[: rng.choice((2, 3))]
    load_s = {model: rng.uniform(2, 8) for model in models}
    batch_s, fairness_s, span_s = rng.uniform(0.3, 2), rng.uniform(10, 40), rng.uniform(10, 200)
    has_bursts = rng.random() < 0.5
    arrivals: dict[str, list[float]] = {model: [] for model in models}
    for _ in range(rng.randint(5, 40)):
        burst_s = rng.choice((0.2, 0.5, 0.8)) * span_s + rng.uniform(0, 5)
        at_s = burst_s if has_bursts else rng.uniform(0, span_s)
        arrivals[rng.choice(models)].append(at_s)
    return Trace(
        {model: sorted(times) for model, times in arrivals.items()}, load_s, batch_s, fairness_s
    )


def simulate(trace: Trace) -> Outcome:
    """Serves a trace as the scheduler decides."""
    outcome = Outcome()
    served = dict.fromkeys(trace.arrivals, 0)
    now_s, busy_until_s = 0.0, 0.0
    loaded: frozenset[str] = frozenset()
    while len(outcome.waits_s) < trace.pages:
        lanes = [_lane(trace, model, served[model], now_s) for model in trace.arrivals]
        decision = decide(
            Situation(
                [lane for lane in lanes if lane.pages],
                loaded,
                now_s - busy_until_s,
                trace.load_s,
                trace.fairness_s,
            )
        )
        model = decision.model
        if model is None:
            again_s = now_s + max(decision.ask_again_s, 1e-6)
            now_s = min([again_s, *_next_arrivals(trace, now_s)])
            continue
        if model not in loaded:
            now_s += trace.load_s[model]
            loaded = frozenset({model})
            outcome.loads.append(model)
        waiting = trace.arrivals[model][served[model] : _arrived(trace, model, now_s)]
        outcome.waits_s += [now_s - came_s for came_s in waiting]
        served[model] += len(waiting)
        now_s = busy_until_s = now_s + trace.batch_s
    return outcome


def fewest_loads(trace: Trace) -> int:
    """Gives the fewest loads with which no page waits longer than promised, known in hindsight.

    Exact: all that matters of a past is which model is loaded, what is served, and how early; of
    two pasts with as many loads the earlier one can do all that the later one can.
    """
    models = tuple(trace.arrivals)
    reached: dict[tuple[str | None, tuple[int, ...]], float] = {(None, (0,) * len(models)): 0.0}
    for loads in range(trace.pages + 1):
        if _finishes(trace, reached):
            return loads
        reached = _with_one_more_load(trace, reached)
    raise AssertionError("the trace cannot be served in time")


_Past = tuple[str | None, tuple[int, ...]]


def _finishes(trace: Trace, reached: Mapping[_Past, float]) -> bool:
    return any(sum(past[1]) == trace.pages for _, past in _without_loads(trace, reached))


def _with_one_more_load(trace: Trace, reached: Mapping[_Past, float]) -> dict[_Past, float]:
    following: dict[_Past, float] = {}
    for now_s, (loaded, served) in _without_loads(trace, reached):
        for model in trace.arrivals:
            past, then_s = (model, served), now_s + trace.load_s[model]
            if model != loaded and then_s < following.get(past, float("inf")):
                following[past] = then_s
    return following


def _without_loads(trace: Trace, reached: Mapping[_Past, float]) -> list[tuple[float, _Past]]:
    """Gives all that can be reached by waiting for pages and reading those of the loaded model."""
    models = tuple(trace.arrivals)
    heap: list[tuple[float, int, _Past]] = [
        (now_s, at, past) for at, (past, now_s) in enumerate(reached.items())
    ]
    heapq.heapify(heap)
    seen: dict[tuple[float, _Past], None] = {}
    while heap:
        now_s, at, past = heapq.heappop(heap)
        loaded, served = past
        if (now_s, past) in seen or _is_too_late(trace, served, now_s):
            continue
        seen[(now_s, past)] = None
        if loaded is not None:
            place = models.index(loaded)
            there = _arrived(trace, loaded, now_s)
            if there > served[place]:
                after = (*served[:place], there, *served[place + 1 :])
                heapq.heappush(heap, (now_s + trace.batch_s, at, (loaded, after)))
        for next_s in sorted(_next_arrivals(trace, now_s))[:1]:
            heapq.heappush(heap, (next_s, at, past))
    return list(seen)


def _is_too_late(trace: Trace, served: Sequence[int], now_s: float) -> bool:
    heads = (
        times[count]
        for times, count in zip(trace.arrivals.values(), served, strict=True)
        if count < len(times)
    )
    return any(now_s - came_s > trace.limit_s + _SAME_S for came_s in heads)


def _lane(trace: Trace, model: str, served: int, now_s: float) -> Lane:
    waits_s = [
        now_s - came_s for came_s in trace.arrivals[model][served : _arrived(trace, model, now_s)]
    ]
    return Lane(model, len(waits_s), max(waits_s, default=0.0), sum(waits_s))


def _arrived(trace: Trace, model: str, now_s: float) -> int:
    return bisect.bisect_right(trace.arrivals[model], now_s + _SAME_S)


def _next_arrivals(trace: Trace, now_s: float) -> list[float]:
    nexts = (
        (times, bisect.bisect_right(times, now_s + _SAME_S)) for times in trace.arrivals.values()
    )
    return [times[at] for times, at in nexts if at < len(times)]

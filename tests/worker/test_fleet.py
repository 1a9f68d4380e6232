"""What a worker knows of the others."""

from __future__ import annotations

from ocr_api.store import ModelReport, WorkerReport
from ocr_api.worker.fleet import Fleet


def worker(name: str, **models: ModelReport) -> WorkerReport:
    return WorkerReport(id=name, host="here", pid=1, models=models)


def test_only_others_count() -> None:
    fleet = Fleet("me")
    assert fleet.loaded == frozenset()
    assert fleet.servable == frozenset()
    fleet.see([worker("me", got=ModelReport(loaded=1)), worker("you", qari=ModelReport(loaded=1))])
    assert fleet.loaded == {"qari"}
    assert fleet.servable == {"qari"}
    fleet.see([worker("me", got=ModelReport(loaded=1))])
    assert fleet.loaded == frozenset()
    assert fleet.servable == frozenset()


def test_what_another_can_load_is_servable_and_what_it_cannot_is_not() -> None:
    fleet = Fleet("me")
    fleet.see(
        [
            worker(
                "you",
                ready=ModelReport(),
                fetched=ModelReport(status="downloading"),
                failed=ModelReport(status="failed"),
                broken=ModelReport(status="failed", refuses=True),
                crawling=ModelReport(status="loaded", slow=True),
                lacking=ModelReport(reason="no GPU", status="not_found"),
            )
        ]
    )
    assert fleet.loaded == frozenset()
    assert fleet.servable == {"ready", "fetched", "failed", "crawling"}
    assert fleet.ready == {"ready"}


def test_who_is_not_seen_is_not_there_unless_nobody_looked() -> None:
    now_s = 100.0
    fleet = Fleet("me", lambda: now_s)
    assert not fleet.is_sure
    fleet.see([])
    assert fleet.is_sure
    now_s += 1.0
    fleet.see([])
    assert fleet.is_sure
    now_s += 10.0  # the store was away, and everybody's report has lapsed
    fleet.see([])
    assert not fleet.is_sure
    for _ in range(5):
        now_s += 1.0
        fleet.see([])
    assert fleet.is_sure

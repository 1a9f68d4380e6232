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
                broken=ModelReport(status="failed"),
                crawling=ModelReport(status="loaded", slow=True),
                lacking=ModelReport(reason="no GPU", status="not_found"),
            )
        ]
    )
    assert fleet.loaded == frozenset()
    assert fleet.servable == {"ready", "fetched", "crawling"}
    assert fleet.ready == {"ready"}

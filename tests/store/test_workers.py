"""Workers report and are forgotten; the default model is switched."""

from __future__ import annotations

import anyio
import pytest

from ocr_api.store import JobStore, ModelReport, WorkerReport

pytestmark = pytest.mark.anyio


async def test_report_comes_back_with_the_servers_time(store: JobStore) -> None:
    models = {"qari": ModelReport(reason="no GPU"), "tesseract": ModelReport(loaded=2)}
    report = WorkerReport("w1", host="here", pid=7, version="0.1", models=models, busy_pages=1)
    await store.report(report, ttl_s=10)
    (found,) = await store.workers()
    assert abs(found.seen_at - await store.server_time()) < 5
    assert (found.id, found.pid, found.models, found.busy_pages) == ("w1", 7, models, 1)


async def test_report_stops_counting_but_is_remembered(store: JobStore) -> None:
    await store.report(WorkerReport("w1"), ttl_s=0.1)
    await store.report(WorkerReport("w2"), ttl_s=30)
    await anyio.sleep(0.15)
    assert [worker.id for worker in await store.workers()] == ["w2"]
    assert [worker.id for worker in await store.last_reports()] == ["w2", "w1"]


async def test_removed_worker_is_gone_at_once(store: JobStore) -> None:
    await store.report(WorkerReport("w1"), ttl_s=30)
    await store.remove_worker("w1")
    assert await store.workers() == []
    assert [worker.id for worker in await store.last_reports()] == ["w1"]


async def test_remembered_reports_are_bounded(store: JobStore) -> None:
    for number in range(130):
        await store.report(WorkerReport(f"w{number}"), ttl_s=30)
    remembered = [worker.id for worker in await store.last_reports()]
    assert len(remembered) == 100
    assert remembered[0] == "w129"


async def test_switch_tells_what_was_before(store: JobStore) -> None:
    assert await store.current_model() is None
    first = await store.switch_model("tesseract", default="qari")
    assert (first.model, first.previous) == ("tesseract", "qari")
    second = await store.switch_model("auto", default="qari")
    assert (second.model, second.previous) == ("auto", "tesseract")
    assert await store.current_model() == second

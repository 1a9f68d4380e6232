"""Just after the start the API waits for a worker's report before it judges by its own machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from ocr_api.api.app import opened_services
from ocr_api.api.model_choice import FIRST_REPORT_S
from ocr_api.api.services import Services
from ocr_api.settings import load_settings
from ocr_api.store import ModelReport
from tests.api.conftest import open_client, worker_report
from tests.api.pages import PNG
from tests.api.test_submission import assert_problem

pytestmark = pytest.mark.anyio

LATE_S = 0.3
LONG_S = 30.0
"""Longer than any of these tests may take."""

QUICK_S = 2.0
"""What an answer that waits for nothing takes at most, on a busy machine."""


@asynccontextmanager
async def started(services: Services, patience_s: float) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an API that started just now and waits so long for the first report."""
    until = anyio.current_time() + patience_s
    async with open_client(services, first_report_until=until) as client:
        yield client


async def report_late(services: Services) -> None:
    """This machine cannot run `qari` (see `services`), and this worker's can."""
    await anyio.sleep(LATE_S)
    await services.store.report(worker_report("w1", qari=ModelReport(status="ready")), 60)


async def test_first_submission_gets_the_model_that_the_first_report_allows(
    services: Services,
) -> None:
    async with started(services, LONG_S) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(report_late, services)
        with anyio.fail_after(LONG_S / 2):
            answer = await client.post("/ocr", content=PNG)
    job = await services.store.get(answer.json()["job_id"])
    assert (job.model, job.warnings) == ("qari", ())


async def test_switch_just_after_the_start_is_judged_by_the_first_report(
    services: Services,
) -> None:
    async with started(services, LONG_S) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(report_late, services)
        with anyio.fail_after(LONG_S / 2):
            answer = await client.post("/models/switch", json={"model": "qari"})
    assert (answer.status_code, answer.json()["current_model"]) == (200, "qari")


async def test_own_machine_is_asked_once_no_report_came_in_time(services: Services) -> None:
    async with started(services, 0.7) as client:
        began_at = anyio.current_time()
        answer = await client.post("/models/switch", json={"model": "qari"})
        waited_s = anyio.current_time() - began_at
        assert "No GPU." in str(assert_problem(answer, 409, "model_unavailable")["detail"])
        with anyio.fail_after(QUICK_S):
            answer = await client.post("/ocr", content=PNG)
    assert 0.4 < waited_s < 0.7 + QUICK_S
    assert (await services.store.get(answer.json()["job_id"])).model == "auto"


@pytest.mark.parametrize("is_alive", [True, False])
async def test_nothing_is_waited_for_where_a_report_is_known(
    services: Services, *, is_alive: bool
) -> None:
    await services.store.report(worker_report("w1", qari=ModelReport(status="ready")), 60)
    if not is_alive:
        await services.store.remove_worker("w1")
    async with started(services, LONG_S) as client:
        with anyio.fail_after(QUICK_S):
            assert (await client.post("/ocr", content=PNG)).status_code == 202
            assert (await client.get("/models/current")).json()["model"] == "qari"


async def test_health_and_jobs_are_told_at_once(services: Services) -> None:
    async with started(services, LONG_S) as client:
        with anyio.fail_after(QUICK_S):
            health = (await client.get("/health")).json()
            assert (health["status"], health["workers"]) == ("degraded", 0)
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.get("/ocr")).status_code == 200


async def test_stopping_service_lets_go_of_who_waits_for_the_first_report(
    services: Services,
) -> None:
    async def stop() -> None:
        await anyio.sleep(LATE_S)
        services.held.let_go()

    async with started(services, LONG_S) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(stop)
        with anyio.fail_after(LONG_S / 2):
            assert (await client.get("/models")).status_code == 200


@pytest.mark.parametrize(("is_elsewhere", "waits_s"), [(True, FIRST_REPORT_S), (False, 0.0)])
async def test_only_a_store_elsewhere_has_its_workers_waited_for(
    server_url: str, tmp_path: Path, *, is_elsewhere: bool, waits_s: float
) -> None:
    url = "redis://redis.invalid:6379/0" if is_elsewhere else server_url
    began_at = anyio.current_time()
    async with opened_services(load_settings(redis_url=url, data_dir=tmp_path)) as found:
        until = found.first_report_until
    if is_elsewhere:
        assert began_at + waits_s <= until <= anyio.current_time() + waits_s
    else:
        assert until == 0

"""Models as the workers report them, and switching between them."""

from __future__ import annotations

import anyio
import httpx
import pytest

from ocr_api.api.model_choice import best_reports
from ocr_api.api.services import Services
from ocr_api.store import ModelReport
from tests.api.conftest import open_client, worker_report
from tests.api.pages import PNG
from tests.api.test_submission import assert_problem

pytestmark = pytest.mark.anyio

ABLE = ModelReport(status="ready", memory_mib=100)
LOADED = ModelReport(loaded=2, status="loaded", memory_mib=150)
UNABLE = ModelReport(reason="No GPU here.", status="not_found")


async def test_all_models_are_listed_and_say_why_they_cannot_run(
    client: httpx.AsyncClient,
) -> None:
    body = (await client.get("/models")).json()
    models = {model["id"]: model for model in body["models"]}
    assert {"auto", "qari", "tesseract", "rapidocr"} <= models.keys()
    assert "scripted" not in models
    assert (models["qari"]["is_available"], models["qari"]["status"]) == (False, "not_found")
    assert models["qari"]["message"] == "No GPU."
    assert models["tesseract"]["engine"] == "tesseract"
    assert (body["current_model"], body["default_model"]) == ("auto", "qari")
    assert "'auto' serves in place of 'qari'" in body["warnings"][0]


async def test_live_workers_know_better_than_this_machine(
    client: httpx.AsyncClient, services: Services
) -> None:
    await services.store.report(worker_report("w1", tesseract=UNABLE, qari=UNABLE), 60)
    await services.store.report(worker_report("w2", tesseract=LOADED, qari=ABLE), 60)
    body = (await client.get("/models/tesseract/status")).json()
    assert (body["is_loaded"], body["is_ready"], body["status"]) == (True, True, "loaded")
    assert body["memory_mib"] == 150
    current = (await client.get("/models/current")).json()
    assert (current["model"], current["status"], current["warnings"]) == ("qari", "ready", [])
    assert [worker["models"] for worker in current["workers"] if worker["id"] == "w2"] == [
        ["tesseract"]
    ]
    rapid = (await client.get("/models/rapidocr")).json()
    assert rapid["is_available"] is False


async def test_last_reports_count_while_no_worker_is_alive(
    client: httpx.AsyncClient, services: Services
) -> None:
    await services.store.report(worker_report("w1", tesseract=ABLE, rapidocr=UNABLE), 60)
    await services.store.remove_worker("w1")
    assert await services.store.workers() == []
    assert_problem(await client.post("/ocr?model=rapidocr", content=PNG), 409, "model_unavailable")
    assert (await client.post("/ocr?model=tesseract", content=PNG)).status_code == 202


async def test_queue_and_work_are_told(client: httpx.AsyncClient, services: Services) -> None:
    await client.post("/ocr?model=tesseract", content=PNG)
    await services.store.report(worker_report("w1", tesseract=LOADED), 60)
    current = (await client.get("/models/current")).json()
    assert current["workers"][0]["queue"] == 1
    assert current["workers"][0]["memory_mib"] == 2 * 150
    assert current["is_processing"] is False


async def test_switch_holds_for_new_jobs_only(
    client: httpx.AsyncClient, services: Services
) -> None:
    before = (await client.post("/ocr", content=PNG)).json()["job_id"]
    switched = (await client.post("/models/switch", json={"model": "tesseract"})).json()
    assert (switched["previous_model"], switched["current_model"]) == ("qari", "tesseract")
    after = (await client.post("/ocr", content=PNG)).json()["job_id"]
    assert (await services.store.get(before)).model == "auto"
    job = await services.store.get(after)
    assert (job.model, job.requested_model, job.warnings) == ("tesseract", "tesseract", ())
    assert job.model_is_default
    async with open_client(services) as restarted:
        assert (await restarted.get("/models/current")).json()["model"] == "tesseract"
    again = (await client.post("/models/switch", json={"model": "auto"})).json()
    assert again["previous_model"] == "tesseract"


async def test_switch_waits_until_the_model_is_loaded(
    client: httpx.AsyncClient, services: Services
) -> None:
    await services.store.report(worker_report("w1", tesseract=ABLE), 60)

    async def load() -> None:
        await anyio.sleep(0.2)
        await services.store.report(worker_report("w1", tesseract=LOADED), 60)

    async with anyio.create_task_group() as group:
        group.start_soon(load)
        with anyio.fail_after(5):
            answer = await client.post("/models/switch?wait=15", json={"model": "tesseract"})
    assert answer.json()["status"] == "loaded"


async def test_impossible_switches_are_refused(client: httpx.AsyncClient) -> None:
    problem = assert_problem(
        await client.post("/models/switch", json={"model": "nonsense"}), 404, "unknown_model"
    )
    assert "tesseract" in problem["allowed"]  # type: ignore[operator]
    answer = await client.post("/models/switch", json={"model": "qari"})
    assert "No GPU." in str(assert_problem(answer, 409, "model_unavailable")["detail"])
    for wrong in ({}, {"model": 7}, {"model": ""}, {"model": "auto", "more": 1}):
        answer = await client.post("/models/switch", json=wrong)
        assert_problem(answer, 422, "invalid_option")
    answer = await client.post("/models/switch", content=b"{")
    assert_problem(answer, 400, "malformed_request")
    answer = await client.post("/models/switch", content=b" " * 100_000)
    assert_problem(answer, 413, "upload_too_large")


async def test_download_is_told_in_bytes_and_jobs_may_wait_for_it(
    client: httpx.AsyncClient, services: Services
) -> None:
    fetching = ModelReport(status="downloading", message="Fetching.", done_bytes=5, total_bytes=9)
    await services.store.report(worker_report("w1", got=UNABLE), 60)
    await services.store.report(worker_report("w2", got=fetching), 60)
    body = (await client.get("/models/got")).json()
    assert (body["status"], body["is_available"], body["is_ready"]) == ("downloading", True, False)
    assert body["progress"] == {"done_bytes": 5, "total_bytes": 9}
    assert body["message"] == "Fetching."
    assert (await client.post("/ocr?model=got", content=PNG)).status_code == 202


async def test_switch_waits_for_weights_that_are_still_to_come(
    client: httpx.AsyncClient, services: Services
) -> None:
    to_come = ModelReport(status="not_found", message="They will be fetched.")
    await services.store.report(worker_report("w1", got=to_come), 60)

    async def arrive() -> None:
        await anyio.sleep(0.3)
        await services.store.report(worker_report("w1", got=LOADED), 60)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(arrive)
        answer = await client.post("/models/switch?wait=15", json={"model": "got"})
    assert answer.json()["status"] == "loaded"


async def test_models_tell_what_their_weights_are(client: httpx.AsyncClient) -> None:
    body = (await client.get("/models/tesseract")).json()
    assert (body["verified"], body["quantization"], body["progress"]) == (None, None, None)
    assert (body["prompt_modes"], body["allows_prompt"]) == ([], False)
    assert body["license"] == "Apache-2.0"


async def test_verified_is_what_the_worker_says_of_the_weights_that_it_has(
    client: httpx.AsyncClient, services: Services
) -> None:
    assert (await client.get("/models/got")).json()["verified"] is False
    await services.store.report(worker_report("w1", got=ModelReport(verified=True)), 60)
    assert (await client.get("/models/got")).json()["verified"] is True
    assert (await client.get("/models/qari")).json()["verified"] is False


async def test_unknown_model_is_not_found(client: httpx.AsyncClient) -> None:
    for path in ("/models/nonsense", "/models/nonsense/status"):
        assert_problem(await client.get(path), 404, "unknown_model")


def test_best_report_prefers_a_worker_that_can() -> None:
    found = best_reports(
        [worker_report("a", m=UNABLE), worker_report("b", m=ABLE), worker_report("c", m=LOADED)]
    )
    assert found["m"] == ModelReport(loaded=2, status="loaded", memory_mib=150)
    assert best_reports([worker_report("a", m=UNABLE)])["m"].reason == "No GPU here."

"""Models as the workers report them, and switching between them."""

from __future__ import annotations

from dataclasses import replace

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


def test_every_reason_why_no_worker_can_is_told() -> None:
    left_out = ModelReport(reason="WORKER_MODELS leaves it out.", status="not_found")
    reports = [worker_report("a", m=UNABLE), *(worker_report(name, m=left_out) for name in "bc")]
    found = best_reports(reports)["m"]
    assert found.reason == "No GPU here. WORKER_MODELS leaves it out."
    assert best_reports([*reports, worker_report("d", m=ABLE)])["m"].reason == ""


async def test_models_of_a_dead_worker_are_loaded_nowhere(
    client: httpx.AsyncClient, services: Services
) -> None:
    fetching = ModelReport(status="downloading", done_bytes=5, total_bytes=9)
    await services.store.report(worker_report("w1", tesseract=LOADED, got=fetching), 0.2)
    assert (await client.get("/models/tesseract")).json()["is_loaded"] is True
    await anyio.sleep(0.3)
    body = (await client.get("/models/tesseract")).json()
    assert (body["is_loaded"], body["status"], body["is_available"]) == (False, "ready", True)
    body = (await client.get("/models/got")).json()
    assert (body["status"], body["progress"]) == ("not_found", None)
    assert (await client.get("/models/current")).json()["workers"] == []


async def test_unloading_is_told_while_pages_are_read(
    client: httpx.AsyncClient, services: Services
) -> None:
    await services.store.report(worker_report("w1", got=replace(LOADED, status="unloading")), 60)
    assert (await client.get("/models/got")).json()["status"] == "unloading"
    await services.store.report(worker_report("w2", got=LOADED), 60)
    assert (await client.get("/models/got")).json()["status"] == "loaded"


async def test_wish_is_kept_for_the_workers_and_answered_when_all_followed(
    client: httpx.AsyncClient, services: Services
) -> None:
    await services.store.report(worker_report("w1", got=ABLE), 60)
    await services.store.report(worker_report("w2", got=ABLE), 60)
    await services.store.report(worker_report("w3", got=UNABLE), 60)
    answer = await client.post("/models/got/load")
    assert (answer.status_code, answer.json()["status"]) == (202, "ready")
    (wish,) = await services.store.model_wishes()
    assert (wish.model, wish.action) == ("got", "load")

    async def follow() -> None:
        for worker in ("w1", "w2"):
            await anyio.sleep(0.1)
            number = (await services.store.model_wishes())[0].number
            followed = replace(LOADED, followed=number)
            await services.store.report(worker_report(worker, got=followed), 60)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow)
        answer = await client.post("/models/got/load?wait=15")
    assert answer.status_code == 200
    assert answer.json() == {"model": "got", "status": "loaded", "message": "'got' is loaded."}


async def test_failed_load_is_told_with_its_reason(
    client: httpx.AsyncClient, services: Services
) -> None:
    await services.store.report(worker_report("w1", got=ABLE), 60)

    async def fail() -> None:
        await anyio.sleep(0.2)
        number = (await services.store.model_wishes())[0].number
        failed = ModelReport(status="failed", followed=number, refusal="No room.")
        await services.store.report(worker_report("w1", got=failed), 60)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fail)
        answer = await client.post("/models/got/load?wait=15")
    assert answer.status_code == 200
    assert answer.json() == {"model": "got", "status": "failed", "message": "No room."}


async def test_impossible_wishes_are_refused(client: httpx.AsyncClient, services: Services) -> None:
    await services.store.report(worker_report("w1", got=UNABLE, tesseract=ABLE), 60)
    for action in ("load", "unload"):
        answer = await client.post(f"/models/nonsense/{action}")
        assert_problem(answer, 404, "unknown_model")
        answer = await client.post(f"/models/got/{action}")
        problem = assert_problem(answer, 409, "model_unavailable")
        assert "No GPU here." in str(problem["detail"])
        answer = await client.post(f"/models/auto/{action}")
        assert_problem(answer, 409, "model_unavailable")
        answer = await client.post(f"/models/tesseract/{action}?wait=soon")
        assert_problem(answer, 422, "invalid_option")
    assert await services.store.model_wishes() == []


async def test_wish_without_workers_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.post("/models/tesseract/load")
    assert answer.status_code == 202
    assert "No worker is alive" in answer.json()["message"]


async def test_switch_that_is_taken_back_is_told_by_every_replica(
    client: httpx.AsyncClient, services: Services
) -> None:
    await services.store.report(worker_report("w1", got=ABLE, tesseract=LOADED), 60)
    await client.post("/models/switch", json={"model": "tesseract"})

    async def take_back() -> None:
        await anyio.sleep(0.2)
        current = await services.store.current_model()
        assert current is not None
        job = (await client.post("/ocr", content=PNG)).json()["job_id"]
        assert (await services.store.get(job)).model == "got"
        await services.store.fall_back(current.number, "No room.")
        assert (await services.store.get(job)).model == "tesseract"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take_back)
        answer = await client.post("/models/switch?wait=15", json={"model": "got"})
    told = answer.json()
    assert (told["status"], told["current_model"]) == ("failed", "tesseract")
    assert "No room." in told["message"]
    async with open_client(services) as replica:
        current = (await replica.get("/models/current")).json()
        assert (current["model"], current["previous_model"]) == ("tesseract", "got")
        assert current["last_failure"]["model"] == "got"
        assert current["last_failure"]["reason"] == "No room."
        again = await replica.post("/models/switch", json={"model": "auto"})
    assert again.json()["previous_model"] == "tesseract"


async def test_jobs_of_the_fallback_go_back_to_it(
    client: httpx.AsyncClient, services: Services
) -> None:
    """The default `qari` cannot run here, and `auto` serves in its place."""
    await client.post("/models/switch", json={"model": "tesseract"})
    job = (await client.post("/ocr", content=PNG)).json()["job_id"]
    current = await services.store.current_model()
    assert current is not None
    await services.store.fall_back(current.number, "No room.")
    assert (await services.store.get(job)).model == "auto"
    body = (await client.get("/models/current")).json()
    assert (body["model"], body["requested_model"]) == ("auto", "qari")


async def test_switch_to_a_model_that_is_loaded_holds_for_good_at_once(
    client: httpx.AsyncClient, services: Services
) -> None:
    await services.store.report(worker_report("w1", got=LOADED, tesseract=ABLE), 60)
    for model, is_settled in (("tesseract", False), ("got", True), ("auto", True)):
        await client.post("/models/switch", json={"model": model})
        current = await services.store.current_model()
        assert current is not None
        assert (current.model, current.is_settled) == (model, is_settled)


async def test_events_are_listed_in_stretches(
    client: httpx.AsyncClient, services: Services
) -> None:
    for model in ("tesseract", "auto", "tesseract"):
        await client.post("/models/switch", json={"model": model})
    body = (await client.get("/models/events?limit=2")).json()
    assert [event["model"] for event in body["events"]] == ["tesseract", "auto"]
    assert body["events"][0]["previous_model"] == "auto"
    rest = (await client.get("/models/events", params={"cursor": body["next_cursor"]})).json()
    assert [(event["kind"], event["model"]) for event in rest["events"]] == [
        ("switch", "tesseract")
    ]
    assert rest["next_cursor"] is None
    of_auto = (await client.get("/models/events?model=auto")).json()["events"]
    assert [event["model"] for event in of_auto] == ["auto"]
    assert len((await services.store.model_events(limit=9)).events) == 3
    for wrong in ("limit=0", "limit=501", "cursor=x"):
        assert_problem(await client.get(f"/models/events?{wrong}"), 422, "invalid_option")

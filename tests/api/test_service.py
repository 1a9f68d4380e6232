"""Health, the web page, foreign hosts, the reference, and errors of the framework."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import anyio.to_thread
import httpx
import pytest
from fastapi import FastAPI

from ocr_api.api.app import create_app
from ocr_api.api.error_reference import ADVICE, error_rows, errors_markdown
from ocr_api.api.host_check import find_foreign
from ocr_api.api.problems import FRAMEWORK_CODES, install_problem_handlers, status_of
from ocr_api.api.services import Services
from ocr_api.errors import StorageFullError, error_classes
from ocr_api.jobs import Job
from ocr_api.store import IdempotencyKey, JobStore, ModelReport, StoreLimits, connect
from ocr_api.web import load_static_files
from tests.api.conftest import open_client, worker_report
from tests.api.pages import PNG
from tests.api.test_submission import assert_problem

ROOT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("openapi.json")
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.anyio
async def test_readiness_needs_a_live_worker(client: httpx.AsyncClient, services: Services) -> None:
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.json()["reasons"] == ["No worker is alive."]
    assert (await client.get("/health")).json()["status"] == "degraded"
    await services.store.report(worker_report("w1", tesseract=ModelReport()), 60)
    assert (await client.get("/readyz")).status_code == 200
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/health")).json() == {
        "status": "healthy",
        "redis": "connected",
        "workers": 1,
        "current_model": "auto",
        "version": "1.2.3",
    }


@pytest.mark.anyio
async def test_api_answers_503_while_the_store_is_away(services: Services, tmp_path: Path) -> None:
    async with connect(f"unix://{tmp_path}/nothing") as nowhere:
        away = JobStore(nowhere, StoreLimits())
        async with open_client(services, store=away) as client:
            for answer in (
                await client.post("/ocr", content=PNG),
                await client.get("/ocr/abc?wait=5"),
                await client.get("/ocr"),
                await client.get("/models"),
            ):
                assert_problem(answer, 503, "store_unavailable")
                assert int(answer.headers["retry-after"]) >= 1
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/readyz")).json()["ready"] is False
            health = await client.get("/health")
            assert (health.status_code, health.json()["redis"]) == (503, "disconnected")


class FullStore(JobStore):
    """A queue that has no room for one more job."""

    async def create(
        self,
        job: Job,
        password: str | None = None,  # noqa: ARG002
        *,
        key: IdempotencyKey | None = None,
        fingerprint: str = "",
    ) -> Job:
        """Refuses every job."""
        msg = f"no room for {job.id}, {key}, {fingerprint}"
        raise StorageFullError(msg)


@pytest.mark.anyio
async def test_upload_is_removed_when_the_job_cannot_be_created(
    services: Services, server_url: str, stored_files: Callable[[], list[str]]
) -> None:
    async with (
        connect(server_url) as redis,
        open_client(services, store=FullStore(redis, StoreLimits())) as client,
    ):
        answer = await client.post("/ocr", content=PNG)
    assert_problem(answer, 503, "storage_full")
    assert answer.headers["retry-after"] == "60"
    assert stored_files() == []


@pytest.mark.anyio
async def test_root_is_a_page_for_browsers_and_json_for_programs(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/", headers=BROWSER)
    assert page.headers["content-type"].startswith("text/html")
    for accept in ("*/*", "application/json"):
        answer = await client.get("/", headers={"accept": accept})
        assert answer.json() == {"name": "OCR API", "version": "1.2.3", "docs": "/docs"}
        assert answer.headers["vary"] == "Accept"


@pytest.mark.anyio
async def test_pages_are_strict_and_take_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    for path in ("/", "/docs", "/docs/errors"):
        page = await client.get(path, headers=BROWSER)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        for address in re.findall(r'(?:src|href)="([^"#]*)', page.text):
            answer = await client.get(address)
            assert answer.status_code == 200, address
        assert not re.search(r"<script>|<style|style=|onclick=", page.text)
    assert_problem(await client.get("/web/nothing.js"), 404, "not_found")


def test_scripts_never_write_markup_nor_speak_to_others() -> None:
    for name, file in load_static_files().items():
        text = file.content.decode()
        assert "innerHTML" not in text, name
        assert "document.write" not in text, name
        others = re.findall(r"https?://(?!www\.w3\.org/2000/svg|localhost)[^\s\"']+", text)
        assert others == [], name


@pytest.mark.parametrize(
    ("host", "origin", "is_foreign"),
    [
        ("localhost:8000", None, False),
        ("127.0.0.1:8000", "http://127.0.0.1:8000", False),
        ("[::1]:8000", "http://[::1]:8000", False),
        ("192.168.1.7", None, False),
        ("ocr.example:8000", None, False),
        ("OCR.example.", "https://ocr.example", False),
        ("localhost", "http://localhost:80", False),
        ("evil.example:8000", None, True),
        ("localhost.evil.example", None, True),
        ("", None, True),
        ("localhost:8000", "http://evil.example", True),
        ("localhost:8000", "http://localhost:9000", True),
        ("localhost:8000", "http://127.0.0.1:8000", True),
        ("localhost:8000", "null", True),
        ("localhost@evil.example", None, True),
        ("localhost/x", None, True),
        ("[::1", None, True),
        ("localhost:8000", "http://localhost:x", True),
    ],
)
def test_only_own_hosts_and_origins_are_let_in(
    host: str,
    origin: str | None,
    is_foreign: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    assert (find_foreign(host, origin, {"ocr.example"}) is not None) is is_foreign


@pytest.mark.anyio
async def test_foreign_hosts_are_refused(services: Services) -> None:
    async with open_client(services, host="evil.example") as client:
        assert_problem(await client.get("/livez"), 403, "foreign_host")
    async with open_client(services, host="ocr.example", allowed_hosts=("ocr.example",)) as client:
        assert (await client.get("/livez")).status_code == 200
        answer = await client.post("/ocr", content=PNG, headers={"origin": "http://evil.example"})
        assert_problem(answer, 403, "foreign_host")


@pytest.mark.anyio
async def test_errors_of_the_framework_are_problems_too(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/nothing"), 404, "not_found")
    answer = await client.put("/models")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.anyio
async def test_mistakes_of_ours_tell_nothing_of_themselves() -> None:
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/")
    async def fail() -> None:
        msg = "secret"
        raise RuntimeError(msg)

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/")
    assert_problem(answer, 500, "internal_error")
    assert "secret" not in answer.text


def test_every_error_has_a_status_and_an_explanation() -> None:
    codes = {row.code for row in error_rows()}
    for found in error_classes():
        assert status_of(found) >= 400
        assert found.code in codes
        assert found.code in ADVICE
    assert {code for code, _ in FRAMEWORK_CODES.values()} <= codes


@pytest.mark.anyio
async def test_errors_page_has_a_line_for_every_code(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs/errors")).text
    for row in error_rows():
        assert f'<tr id="{row.code}">' in page


def test_errors_document_is_up_to_date() -> None:
    """Mend with `python -m ocr_api.api.error_reference > docs/errors.md`."""
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == errors_markdown()


@pytest.mark.anyio
async def test_openapi_document_is_as_recorded(services: Services) -> None:
    """Mend with `UPDATE_SNAPSHOTS=1 pytest tests/api -k openapi_document`, and read the diff."""
    app = await anyio.to_thread.run_sync(create_app, services)
    written = json.dumps(app.openapi(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    recorded = anyio.Path(SNAPSHOT)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        await recorded.write_text(written, encoding="utf-8")
    assert written == await recorded.read_text(encoding="utf-8")


@pytest.mark.anyio
async def test_openapi_document_names_every_route_and_problem(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert {
        "/ocr",
        "/ocr/pdf",
        "/ocr/{job_id}",
        "/ocr/{job_id}/events",
        "/ocr/{job_id}/pages/{page_number}",
        "/ocr/{job_id}/result",
        "/models",
        "/models/current",
        "/models/events",
        "/models/{model_id}",
        "/models/{model_id}/load",
        "/models/{model_id}/unload",
        "/models/{model_id}/status",
        "/models/switch",
        "/health",
        "/livez",
        "/readyz",
        "/ocr/{job_id}/webhooks",
        "/ocr/{job_id}/webhooks/{delivery_id}/redeliver",
        "/",
    } == set(document["paths"])
    submit = document["paths"]["/ocr"]["post"]
    assert {"400", "413", "415", "422", "503"} <= submit["responses"].keys()
    assert set(submit["requestBody"]["content"]) >= {"multipart/form-data", "application/json"}
    text = json.dumps(document)
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in document["components"]["schemas"], name


def test_map_of_the_package_names_every_module() -> None:
    folder = ROOT / "src" / "ocr_api" / "api"
    modules = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    map_ = (folder / "__init__.py").read_text(encoding="utf-8")
    assert {name for name in modules if name not in map_} == set()

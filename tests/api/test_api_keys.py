"""API keys: who may call, and whose jobs a caller sees."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from ocr_api.api.api_keys import LONGEST_KEY, SHORTEST_KEY, ApiKeys
from ocr_api.api.app import check_exposure
from ocr_api.api.routes import job_life, jobs, models, webhooks
from ocr_api.api.services import Services
from ocr_api.errors import SettingsError
from ocr_api.jobs import Delivery, DeliveryState, DeliveryTry, JobStatus
from ocr_api.settings import Settings, load_settings
from ocr_api.store import keys
from tests.api.conftest import open_client, worker_report
from tests.api.pages import PNG

ARCHIVE, CLINIC, NEXT = "archive-key-0123456789", "clinic-key-0123456789", "archive-next-01234"
ENTRIES = (f"archive:{ARCHIVE}", f"clinic:{CLINIC}", f"archive:{NEXT}")

PATHS = json.loads(Path(__file__).with_name("openapi.json").read_text())["paths"]
ROUTES = [(method.upper(), path) for path, found in PATHS.items() for method in found]
JOB_ROUTES = [(method, path) for method, path in ROUTES if "{job_id}" in path]
OPEN = ("/", "/livez", "/readyz", "/health")
GUARDED = [(method, path) for method, path in ROUTES if path not in OPEN]
PAGES = ("/", "/livez", "/health", "/docs", "/docs/errors", "/openapi.json", "/web/app.js")


@asynccontextmanager
async def guarded(services: Services, host: str = "localhost") -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that asks for keys; shows none by itself."""
    async with open_client(services, host=host, api_keys=ApiKeys.parse(ENTRIES)) as client:
        yield client


def address(path: str, job_id: str) -> str:
    return path.format(
        job_id=job_id, delivery_id=f"msg_{job_id}", page_number=1, model_id="tesseract"
    )


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def submit(client: httpx.AsyncClient, key: str, **headers: str) -> str:
    shown = bearer(key) | headers
    answer = await client.post("/ocr?model=tesseract", content=PNG, headers=shown)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


async def ended_with_a_delivery(
    services: Services, client: httpx.AsyncClient
) -> tuple[str, Delivery]:
    """The id of a cancelled job of ARCHIVE, and the delivery of its end, claimed."""
    hook = {"webhook_url": "https://receiver.example/hook", "model": "tesseract"}
    answer = await client.post("/ocr", params=hook, content=PNG, headers=bearer(ARCHIVE))
    job_id = str(answer.json()["job_id"])
    await client.delete(f"/ocr/{job_id}", headers=bearer(ARCHIVE))
    claimed = await services.store.claim_delivery("notifier", 30)
    assert claimed is not None
    return job_id, claimed


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("headers", [{}, bearer("x" * 20), {"X-API-Key": ""}])
async def test_nobody_passes_without_a_known_key(
    services: Services, method: str, path: str, headers: dict[str, str]
) -> None:
    async with guarded(services) as client:
        job_id = await submit(client, ARCHIVE)
        answer = await client.request(method, address(path, job_id), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await services.store.get(job_id)).status is JobStatus.PENDING


def test_every_route_of_jobs_and_models_is_tried() -> None:
    routers = (jobs.router, job_life.router, models.router, webhooks.router)
    routes = [route for one in routers for route in one.routes if isinstance(route, APIRoute)]
    served = {(method, route.path) for route in routes for method in route.methods or ()}
    assert served == set(GUARDED)
    assert len(JOB_ROUTES) == 7


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/ocr", "/ocr/x", "/models", "/ocr/x/events"])
async def test_head_without_a_key_is_refused_too(services: Services, path: str) -> None:
    async with guarded(services) as client:
        assert (await client.head(path)).status_code == 401


@pytest.mark.anyio
@pytest.mark.parametrize("path", PAGES)
async def test_health_and_pages_need_no_key(services: Services, path: str) -> None:
    async with guarded(services) as client:
        assert (await client.get(path)).status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize(
    "headers",
    [
        bearer(ARCHIVE),
        {"Authorization": f"bearer  {ARCHIVE} "},
        {"X-API-Key": ARCHIVE},
        {"X-API-Key": ARCHIVE, "Authorization": "Basic b3A6cHc="},
        {"X-API-Key": ARCHIVE, "Authorization": "Bearer the-proxy-s-own-token"},
        bearer(NEXT),
    ],
)
async def test_key_is_shown_in_either_header(services: Services, headers: dict[str, str]) -> None:
    async with guarded(services) as client:
        job_id = await submit(client, ARCHIVE)
        answer = await client.get(f"/ocr/{job_id}", headers=headers)
    assert answer.json()["id"] == job_id


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "path"), JOB_ROUTES)
async def test_job_of_another_key_does_not_exist(
    services: Services, method: str, path: str
) -> None:
    async with guarded(services) as client:
        job_id = await submit(client, ARCHIVE)
        answer = await client.request(method, address(path, job_id), headers=bearer(CLINIC))
        none = await client.request(method, address(path, "none"), headers=bearer(CLINIC))
    assert answer.status_code == none.status_code == 404
    assert answer.json() == none.json()
    assert (await services.store.get(job_id)).status is JobStatus.PENDING


@pytest.mark.anyio
async def test_caller_lists_its_own_jobs_alone(services: Services) -> None:
    async with guarded(services) as client:
        mine = [await submit(client, key) for key in (ARCHIVE, NEXT, ARCHIVE)]
        other = await submit(client, CLINIC)
        first = (await client.get("/ocr?limit=2", headers=bearer(ARCHIVE))).json()
        rest = await client.get(f"/ocr?cursor={first['next_cursor']}", headers=bearer(NEXT))
        others = (await client.get("/ocr", headers=bearer(CLINIC))).json()
    found = [job["id"] for job in (*first["jobs"], *rest.json()["jobs"])]
    assert found == mine[::-1]
    assert [job["id"] for job in others["jobs"]] == [other]


@pytest.mark.anyio
async def test_own_list_is_filtered_like_the_list_of_all(services: Services) -> None:
    async with guarded(services) as client:
        cancelled, waiting = [await submit(client, ARCHIVE) for _ in range(2)]
        await submit(client, CLINIC)
        await client.delete(f"/ocr/{cancelled}", headers=bearer(ARCHIVE))

        async def listed(query: str) -> list[str]:
            answer = await client.get(f"/ocr?{query}", headers=bearer(ARCHIVE))
            return [job["id"] for job in answer.json()["jobs"]]

        assert await listed("status=cancelled") == [cancelled]
        assert await listed("status=pending") == [waiting]
        assert await listed("model=tesseract") == [waiting, cancelled]
        assert await listed("model=rapidocr") == []


@pytest.mark.anyio
async def test_list_forgets_what_a_release_without_keys_removed(
    services: Services, redis: Redis
) -> None:
    async with guarded(services) as client:
        gone, there = [await submit(client, ARCHIVE) for _ in range(2)]
        await redis.delete(keys.job_key(gone))
        await redis.zrem(keys.JOBS, gone)
        answer = await client.get("/ocr", headers=bearer(ARCHIVE))
    assert [job["id"] for job in answer.json()["jobs"]] == [there]
    assert await redis.zrange(keys.OWNER_JOBS + "archive", 0, -1) == [there.encode()]


@pytest.mark.anyio
async def test_owner_has_its_webhook_delivered_again(services: Services) -> None:
    async with guarded(services) as client:
        shown = bearer(ARCHIVE)
        job_id, claimed = await ended_with_a_delivery(services, client)
        await services.store.settle(claimed, DeliveryState.DELIVERED, DeliveryTry(1.0, 0.1, 200))
        again = f"/ocr/{job_id}/webhooks/{claimed.id}/redeliver"
        assert (await client.post(again, headers=bearer(CLINIC))).status_code == 404
        assert (await client.post(again, headers=shown)).status_code == 202


@pytest.mark.anyio
async def test_removed_job_leaves_its_owner_s_list(services: Services, redis: Redis) -> None:
    async with guarded(services) as client:
        job_id = await submit(client, ARCHIVE)
        place, shown = f"/ocr/{job_id}", bearer(ARCHIVE)
        assert (await client.delete(place, headers=shown)).status_code == 200
        assert (await client.delete(place, headers=shown)).status_code == 204
        assert await redis.zrange(keys.OWNER_JOBS + "archive", 0, -1) == []  # before it is read
        assert (await client.get("/ocr", headers=shown)).json()["jobs"] == []


@pytest.mark.anyio
async def test_jobs_from_before_the_keys_are_nobody_s(services: Services) -> None:
    async with open_client(services) as client:
        job_id = (await client.post("/ocr?model=tesseract", content=PNG)).json()["job_id"]
    async with guarded(services) as client:
        answer = await client.get(f"/ocr/{job_id}", headers=bearer(ARCHIVE))
        listed = await client.get("/ocr", headers=bearer(ARCHIVE))
    assert (answer.status_code, listed.json()["jobs"]) == (404, [])
    assert (await services.store.get(job_id)).owner == ""


@pytest.mark.anyio
async def test_same_idempotency_key_of_two_callers_makes_two_jobs(services: Services) -> None:
    once = {"Idempotency-Key": "page-1"}
    async with guarded(services) as client:
        first = await submit(client, ARCHIVE, **once)
        assert await submit(client, NEXT, **once) == first
        assert await submit(client, CLINIC, **once) != first


@pytest.mark.anyio
async def test_delivery_of_a_removed_job_is_shown_to_its_owner_alone(services: Services) -> None:
    async with guarded(services) as client:
        job_id, claimed = await ended_with_a_delivery(services, client)
        place, shown = f"/ocr/{job_id}", bearer(ARCHIVE)
        await services.store.keep_body(claimed, "webhooks/body")  # lets the job go
        assert (await client.delete(place, headers=shown)).status_code == 204
        assert (await client.get(place, headers=shown)).status_code == 404
        mine = await client.get(f"{place}/webhooks", headers=shown)
        other = await client.get(f"{place}/webhooks", headers=bearer(CLINIC))
    assert [found["id"] for found in mine.json()["deliveries"]] == [claimed.id]
    assert other.status_code == 404


@pytest.mark.anyio
async def test_foreign_page_is_kept_away_by_the_key_alone(services: Services) -> None:
    async with guarded(services, host="ocr.example.org") as client:
        foreign = {"Origin": "https://elsewhere.example"}
        answer = await client.get("/ocr", headers=foreign | bearer(ARCHIVE))
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers
        assert (await client.get("/ocr", headers=foreign)).status_code == 401


@pytest.mark.anyio
async def test_switch_is_told_by_the_name_of_the_key(services: Services) -> None:
    await services.store.report(worker_report(), 1000)
    async with guarded(services) as client:
        shown = bearer(CLINIC)
        await client.post("/models/switch", json={"model": "auto"}, headers=shown)
        events = (await client.get("/models/events", headers=shown)).json()["events"]
    assert events[0]["by"] == "clinic"


@given(st.text(max_size=60))
def test_what_is_no_key_is_refused(secret: str) -> None:
    entry = f"archive:{secret}"
    fits = SHORTEST_KEY <= len(secret) <= LONGEST_KEY
    if fits and secret.isascii() and all("!" <= sign <= "~" for sign in secret):
        assert ApiKeys.parse([entry]).name_of(secret) == "archive"
        return
    with pytest.raises(SettingsError, match="entry 1"):
        ApiKeys.parse([entry])


@pytest.mark.parametrize(
    "entries",
    [
        [""],
        ["archive:"],
        [f":{ARCHIVE}"],
        [f"a b:{ARCHIVE}"],
        [f"_a:{ARCHIVE}"],
        ["x" * 65 + ":" + ARCHIVE],
        [ARCHIVE],  # the name was forgotten
        [f"{ARCHIVE}:archive"],  # the other way round
        [f"archive:{NEXT}", ARCHIVE],  # a comma in a key
        [f"archive:{ARCHIVE} {ARCHIVE}"],
        [f"archive:{ARCHIVE}", f"clinic:{ARCHIVE}"],
    ],
)
def test_malformed_entry_is_refused_and_no_key_is_told(entries: list[str]) -> None:
    with pytest.raises(SettingsError, match=f"entry {len(entries)}") as caught:
        ApiKeys.parse(entries)
    assert ARCHIVE not in caught.value.detail
    assert NEXT not in caught.value.detail


@pytest.mark.parametrize("value", [",", f"archive:{ARCHIVE},", f"archive:{ARCHIVE},,x:{NEXT}"])
def test_lost_entry_opens_no_service(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", value)
    with pytest.raises(SettingsError, match="API_KEYS, entry"):
        check_exposure(load_settings())


def test_keys_are_read_from_the_environment_and_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("API_KEYS", ", ".join(ENTRIES))
    monkeypatch.setenv("CLIENT_API_KEY", ARCHIVE)
    settings = load_settings()
    assert settings.api_keys == ENTRIES
    assert ARCHIVE not in repr(settings)
    assert ARCHIVE not in repr(ApiKeys.parse(settings.api_keys))


def test_service_with_keys_may_be_offered_to_a_network() -> None:
    anywhere = "0.0.0.0"  # noqa: S104
    check_exposure(Settings(api_host=anywhere, api_keys=ENTRIES))
    with pytest.raises(SettingsError, match="API_KEYS"):
        check_exposure(Settings(api_host=anywhere))
    with pytest.raises(SettingsError, match="16 to 200"):
        check_exposure(Settings(api_host="localhost", api_keys=("archive:short",)))

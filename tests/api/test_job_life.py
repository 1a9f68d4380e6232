"""Cancelling, removing, repeating and listening, without a socket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import anyio
import httpx
import pytest
from redis.asyncio import Redis

from ocr_api.api.services import Services
from ocr_api.errors import StoreUnavailableError
from ocr_api.jobs import Job, JobStatus, Priority
from ocr_api.store import IdempotencyKey, JobStore, StoreLimits, audit, connect
from tests.api.conftest import open_client
from tests.api.pages import PNG
from tests.api.test_jobs import claim_next, finish
from tests.api.test_submission import assert_problem

pytestmark = pytest.mark.anyio
Stored = Callable[[], list[str]]
KEY = {"Idempotency-Key": "order-7"}


def parse_events(text: str) -> list[tuple[int, str, dict[str, object]]]:
    """Gives (id, name, data) of each event of a stream."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "id" in lines:
            found.append((int(lines["id"]), lines["event"], json.loads(lines["data"])))
    return found


async def test_waiting_job_is_cancelled(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    answer = await client.delete(f"/ocr/{submitted}")
    assert answer.status_code == 200
    job = answer.json()
    assert (job["status"], job["result"], job["error"]) == ("cancelled", None, None)
    assert job["expires_at"] > job["finished_at"]
    assert await services.store.claim("w1", ["tesseract"]) is None
    assert (await client.get(f"/ocr/{submitted}")).json() == job


async def test_result_that_comes_after_cancelling_changes_nothing(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    claim = await claim_next(services)
    assert (await client.delete(f"/ocr/{submitted}")).status_code == 200
    assert not await services.store.finish(claim, "results/late")
    assert (await client.get(f"/ocr/{submitted}")).json()["status"] == "cancelled"


async def test_held_answer_comes_when_the_job_is_cancelled(
    client: httpx.AsyncClient, submitted: str
) -> None:
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(client.delete, f"/ocr/{submitted}")
            answer = await client.get(f"/ocr/{submitted}?wait=15")
    assert answer.json()["status"] == "cancelled"


async def test_ended_job_is_removed_with_its_files(
    client: httpx.AsyncClient, services: Services, submitted: str, stored_files: Stored
) -> None:
    await finish(services, await claim_next(services))
    answer = await client.delete(f"/ocr/{submitted}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert stored_files() == []
    assert_problem(await client.get(f"/ocr/{submitted}"), 404, "unknown_job")
    assert_problem(await client.delete(f"/ocr/{submitted}"), 404, "unknown_job")
    assert (await client.get("/ocr")).json()["jobs"] == []


@pytest.mark.parametrize("priority", list(Priority))
async def test_priority_goes_with_the_job(
    client: httpx.AsyncClient, services: Services, priority: Priority
) -> None:
    answer = await client.post(f"/ocr?priority={priority}", content=PNG)
    assert (await services.store.get(answer.json()["job_id"])).priority is priority


async def test_same_request_with_the_same_key_gets_the_same_job(
    client: httpx.AsyncClient, stored_files: Stored
) -> None:
    options = {"model": "tesseract", "metadata": '{"a": 1}'}
    send = partial(client.post, "/ocr", files={"file": ("a.png", PNG)}, data=options, headers=KEY)
    first, second = await send(), await send()
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert second.headers["location"] == first.headers["location"]
    assert len(stored_files()) == 1
    assert len((await client.get("/ocr")).json()["jobs"]) == 1


async def test_key_outlives_the_jobs_end_and_goes_with_the_job(client: httpx.AsyncClient) -> None:
    send = partial(client.post, "/ocr", content=PNG, headers=KEY)
    first = (await send()).json()["job_id"]
    await client.delete(f"/ocr/{first}")
    assert (await send()).json()["job_id"] == first
    await client.delete(f"/ocr/{first}")
    assert (await send()).json()["job_id"] != first


@pytest.mark.parametrize(
    ("path", "content"), [("/ocr", PNG + b"x"), ("/ocr?dpi=300", PNG), ("/ocr?priority=low", PNG)]
)
async def test_key_of_another_payload_is_refused(
    client: httpx.AsyncClient, stored_files: Stored, path: str, content: bytes
) -> None:
    await client.post("/ocr", content=PNG, headers=KEY)
    answer = await client.post(path, content=content, headers=KEY)
    assert_problem(answer, 422, "idempotency_key_reused")
    assert len(stored_files()) == 1


async def test_password_belongs_to_the_payload_and_cannot_be_read_from_what_is_stored(
    client: httpx.AsyncClient, redis: Redis
) -> None:
    send = partial(client.post, "/ocr", content=PNG, headers=KEY)
    first = await send(params={"password": "open sesame"})
    assert (await send(params={"password": "open sesame"})).json() == first.json()
    for other in ({"password": "open sesam"}, {}):
        assert_problem(await send(params=other), 422, "idempotency_key_reused")
    await client.delete(first.headers["location"])
    quick = hashlib.sha256(b"open sesame").hexdigest()
    for name in await redis.keys("*"):
        stored = str(await redis.dump(name)) if await redis.type(name) != b"hash" else ""
        stored += str(await redis.hgetall(name)) if not stored else ""
        assert "open sesame" not in stored
        assert quick not in stored


async def test_key_of_a_request_that_is_still_coming_in_is_refused(
    client: httpx.AsyncClient, services: Services
) -> None:
    await services.store.admit("other", IdempotencyKey.of("order-7"))
    answer = await client.post("/ocr", content=PNG, headers=KEY)
    assert_problem(answer, 409, "idempotency_key_in_use")
    assert answer.headers["retry-after"] == "1"


async def test_key_is_free_again_after_a_refusal(client: httpx.AsyncClient) -> None:
    assert (await client.post("/ocr", content=b"no file", headers=KEY)).status_code == 415
    assert (await client.post("/ocr", content=PNG, headers=KEY)).status_code == 202


async def test_of_many_requests_at_once_with_one_key_one_makes_a_job(
    client: httpx.AsyncClient, stored_files: Stored
) -> None:
    answers: list[httpx.Response] = []

    async def send() -> None:
        answers.append(await client.post("/ocr", content=PNG, headers=KEY))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(send)
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({a.json()["job_id"] for a in answers if a.status_code == 202}) == 1
    assert len(stored_files()) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9"])
async def test_key_that_is_no_key_is_refused(client: httpx.AsyncClient, key: str) -> None:
    sent = {b"Idempotency-Key": key.encode()}
    answer = await client.post("/ocr", content=PNG, headers=sent)
    assert_problem(answer, 422, "invalid_option")


async def test_full_queue_refuses_before_it_keeps_anything(
    services: Services, server_url: str, stored_files: Stored
) -> None:
    async with connect(server_url) as redis:
        store = JobStore(redis, StoreLimits(max_queued_jobs=1))
        async with open_client(services, store=store) as client:
            first = (await client.post("/ocr", content=PNG)).json()["job_id"]
            answer = await client.post("/ocr", content=PNG)
            assert_problem(answer, 503, "queue_full")
            assert int(answer.headers["retry-after"]) > 0
            assert len(stored_files()) == 1
            await client.delete(f"/ocr/{first}")
            assert (await client.post("/ocr", content=PNG)).status_code == 202


async def test_events_are_told_and_end_with_the_job(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    await finish(services, await claim_next(services))
    answer = await client.get(f"/ocr/{submitted}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = parse_events(answer.text)
    assert [(number, name) for number, name, _ in events] == [
        (1, "status"),
        (2, "status"),
        (3, "progress"),
        (4, "page"),
        (5, "status"),
    ]
    assert [data["status"] for *_, data in events][-1] == "completed"
    page = events[3][2]
    assert (page["page_number"], page["page_status"]) == (1, "completed")
    assert page["progress"] == {"pages_total": 1, "pages_done": 1, "pages_failed": 0}


async def test_caller_that_comes_back_gets_what_it_missed(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    await finish(services, await claim_next(services))
    path = f"/ocr/{submitted}/events"
    again = await client.get(path, headers={"Last-Event-ID": "3"})
    assert [number for number, *_ in parse_events(again.text)] == [4, 5]
    assert (await client.get(path, params={"last_event_id": "5"})).status_code == 204
    assert_problem(await client.get(path, headers={"Last-Event-ID": "x"}), 422, "invalid_option")
    assert_problem(await client.get("/ocr/nonsense/events"), 404, "unknown_job")


async def test_many_listeners_hear_the_same_by_one_reader(
    services: Services, submitted: str
) -> None:
    class CountingStore(JobStore):
        reads = 0
        listeners = 0

        async def events(self, job_id: str, after: int = 0) -> list[bytes]:
            CountingStore.reads += 1
            return list(await services.store.events(job_id, after))

        async def get(self, job_id: str):  # type: ignore[no-untyped-def]
            CountingStore.listeners += 1
            return await services.store.get(job_id)

    heard: list[list[tuple[int, str, dict[str, object]]]] = []
    counting = CountingStore(services.store._redis, StoreLimits())
    async with open_client(replace(services, store=counting)) as listener:

        async def listen() -> None:
            heard.append(parse_events((await listener.get(f"/ocr/{submitted}/events")).text))

        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                for _ in range(200):
                    group.start_soon(listen)
                while CountingStore.listeners < 200:
                    await anyio.sleep(0.02)
                await anyio.wait_all_tasks_blocked()
                await finish(services, await claim_next(services))
    assert len(heard) == 200
    assert all(events == heard[0] for events in heard)
    assert [number for number, *_ in heard[0]] == [1, 2, 3, 4, 5]
    assert CountingStore.reads < 20


async def test_cancelling_is_told_to_listeners(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    await client.delete(f"/ocr/{submitted}")
    events = parse_events((await client.get(f"/ocr/{submitted}/events")).text)
    assert events[-1][2]["status"] == JobStatus.CANCELLED
    await client.delete(f"/ocr/{submitted}")
    assert await services.store.events(submitted) == []


async def test_job_whose_creation_was_not_confirmed_is_found_by_the_repetition(
    services: Services, server_url: str, stored_files: Stored
) -> None:
    class SilentStore(JobStore):
        """Creates a job, but the answer gets lost."""

        async def create(
            self,
            job: Job,
            password: str | None = None,
            *,
            key: IdempotencyKey | None = None,
            fingerprint: str = "",
        ) -> Job:
            await super().create(job, password, key=key, fingerprint=fingerprint)
            raise StoreUnavailableError("gone")

    async with connect(server_url) as redis:
        silent = SilentStore(redis, StoreLimits())
        async with open_client(services, store=silent) as client:
            lost = await client.post("/ocr", content=PNG, headers=KEY)
            assert_problem(lost, 503, "store_unavailable")
    async with open_client(services) as client:
        answer = await client.post("/ocr", content=PNG, headers=KEY)
    job = await services.store.get(answer.json()["job_id"])
    assert stored_files() == [job.upload_key]


async def test_upload_whose_job_the_store_did_not_take_is_no_finding(
    server_url: str, services: Services, stored_files: Stored
) -> None:
    class BrokenStore(JobStore):
        """Goes away just before the job would be created."""

        async def create(
            self,
            job: Job,
            password: str | None = None,
            *,
            key: IdempotencyKey | None = None,
            fingerprint: str = "",
        ) -> Job:
            del job, password, key, fingerprint
            raise StoreUnavailableError("gone")

    async with connect(server_url) as redis:
        broken = BrokenStore(redis, StoreLimits())
        async with open_client(services, store=broken) as client:
            lost = await client.post("/ocr", content=PNG, headers=KEY)
            assert_problem(lost, 503, "store_unavailable")
        assert len(stored_files()) == 1  # left: the job may have been created all the same
        assert await audit(redis, services.store, services.blobs, settle_s=0) == []
    async with open_client(services) as client:
        assert (await client.post("/ocr", content=PNG, headers=KEY)).status_code == 202

"""Asking for jobs and pages: now, later, and with an answer that is held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import anyio
import httpx
import pytest

from ocr_api.api.answers import INLINE_PAGES
from ocr_api.api.services import Services
from ocr_api.errors import DamagedDocumentError
from ocr_api.jobs import Claim, PageRanges, Problem
from ocr_api.store import encode_result, result_key
from tests.api.conftest import open_client
from tests.api.pages import ARABIC, PNG, page_result
from tests.api.test_submission import assert_problem

pytestmark = pytest.mark.anyio


async def claim_next(services: Services, pages: str = "1", pages_total: int = 1) -> Claim:
    claim = await services.store.claim("w1", ["tesseract"])
    if claim is not None and claim.is_opening:
        chosen = PageRanges.parse(pages)
        claim = await services.store.open(claim, pages_total=pages_total, pages=chosen)
    assert claim is not None
    return claim


async def finish(services: Services, claim: Claim) -> None:
    key = result_key(claim.job.id, claim.page_number, claim.attempt)
    await services.blobs.put(key, encode_result(page_result(claim.page_number)))
    assert await services.store.finish(claim, key)


async def test_completed_job_holds_text_places_and_how_it_was_read(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    await finish(services, await claim_next(services))
    answer = await client.get(f"/ocr/{submitted}")
    job = answer.json()
    assert (job["status"], job["error"], job["partial"]) == ("completed", None, False)
    assert job["progress"] == {"pages_total": 1, "pages_done": 1, "pages_failed": 0}
    result = job["result"]
    assert result["text"] == result["formatted_text"] == ARABIC
    assert result["confidence"] == 0.8765
    assert result["metadata"] == {
        "total_pages": 1,
        "pages": [
            {
                "page_number": 1,
                "confidence": 0.8765,
                "model": "tesseract",
                "width_px": 640,
                "height_px": 480,
                "duration_s": 1.235,
                "warnings": ["Rotated.", "Cut off."],
                "flags": [],
                "route_reason": "Arabic script",
                "rotation_deg": 90,
                "skew_deg": 1.23,
                "scripts": ["arabic"],
                "letters": 452,
            }
        ],
    }
    line = result["pages"][0]["blocks"][0]["lines"][0]
    assert (line["text"], line["direction"]) == (ARABIC, "rtl")
    assert line["words"][0]["box"] == {"left": 10, "top": 20, "right": 110, "bottom": 40}
    assert job["expires_at"] > job["finished_at"] >= job["started_at"] >= job["created_at"]
    assert answer.headers["cache-control"] == "no-store"


async def test_failed_job_says_why_for_people_and_programs(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    problem = Problem.of(DamagedDocumentError("The PNG ends early."), page=1)
    await services.store.fail(await claim_next(services), problem, final=True)
    job = (await client.get(f"/ocr/{submitted}")).json()
    assert (job["status"], job["error"], job["result"]) == ("failed", "The PNG ends early.", None)
    assert job["error_detail"]["code"] == "document_damaged"
    assert job["error_detail"]["retryable"] is False
    assert job["error_detail"]["type"] == "/docs/errors#document_damaged"
    page = (await client.get(f"/ocr/{submitted}/pages/1")).json()
    assert (page["status"], page["error"]) == ("failed", "The PNG ends early.")


async def read_all(services: Services, pages_total: int) -> None:
    claim: Claim | None = await claim_next(services, f"1-{pages_total}", pages_total)
    while claim is not None:
        await finish(services, claim)
        claim = await services.store.claim("w1", ["tesseract"])


async def test_result_of_a_hundred_pages_is_complete(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    await read_all(services, 100)
    result = (await client.get(f"/ocr/{submitted}")).json()["result"]
    assert [page["page_number"] for page in result["pages"]] == list(range(1, 101))
    assert all(page["blocks"][0]["lines"][0]["words"] for page in result["pages"])


async def test_result_of_more_pages_is_the_text_alone(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    await read_all(services, INLINE_PAGES + 1)
    result = (await client.get(f"/ocr/{submitted}")).json()["result"]
    assert result["pages"] == []
    assert len(result["metadata"]["pages"]) == result["metadata"]["total_pages"] == INLINE_PAGES + 1
    assert result["text"].count(ARABIC) == INLINE_PAGES + 1
    assert result["text"].startswith(
        f"=== Page 1 of {INLINE_PAGES + 1} ===\n{ARABIC}\n\n=== Page 2 of"
    )
    assert result["confidence"] == 0.8765
    last = await client.get(f"/ocr/{submitted}/pages/{INLINE_PAGES + 1}")
    assert last.json()["blocks"][0]["lines"][0]["words"]


async def test_page_that_was_not_asked_for_is_told_from_one_that_comes(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    await finish(services, await claim_next(services, "2,4", 5))
    assert (await client.get(f"/ocr/{submitted}/pages/2")).json()["status"] == "completed"
    coming = await client.get(f"/ocr/{submitted}/pages/4")
    assert_problem(coming, 409, "job_not_finished")
    assert_problem(await client.get(f"/ocr/{submitted}/pages/3"), 404, "unknown_page")
    assert_problem(await client.get(f"/ocr/{submitted}/pages/5"), 404, "unknown_page")
    assert_problem(await client.get(f"/ocr/{submitted}/pages/{10**30}"), 404, "unknown_page")


async def test_unknown_job_is_not_found(client: httpx.AsyncClient) -> None:
    for job_id in ("nonsense", "x" * 200, "a{b}", "%00", "..%2f..%2fetc"):
        answer = await client.get(f"/ocr/{job_id}")
        assert answer.status_code == 404
        assert answer.json()["code"] in {"unknown_job", "not_found"}


@pytest.mark.parametrize(
    ("query", "headers"), [("?wait=15", {}), ("", {"Prefer": "respond-async, wait=15"})]
)
async def test_held_answer_comes_when_the_job_ends(
    client: httpx.AsyncClient,
    services: Services,
    submitted: str,
    query: str,
    headers: dict[str, str],
) -> None:
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await client.get(f"/ocr/{submitted}{query}", headers=headers))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            await anyio.sleep(0.1)
            assert answers == []
            await finish(services, await claim_next(services))
    assert {answer.json()["status"] for answer in answers} == {"completed"}
    assert len(answers) == 20
    applied = {answer.headers.get("preference-applied") for answer in answers}
    assert applied == ({"wait=15"} if headers else {None})


async def test_held_answer_comes_when_the_time_is_over(
    client: httpx.AsyncClient, submitted: str
) -> None:
    answer = await client.get(f"/ocr/{submitted}?wait=0.1")
    assert answer.json()["status"] == "pending"
    assert answer.headers["retry-after"] == "1"


async def test_wait_is_bounded_by_the_service(services: Services, submitted: str) -> None:
    limits = replace(services.limits, max_wait_s=0.1)
    async with open_client(services, limits=limits) as client:
        with anyio.fail_after(5):
            answer = await client.get(f"/ocr/{submitted}", headers={"Prefer": "wait=600"})
        assert answer.headers["preference-applied"] == "wait=0.1"


@pytest.mark.parametrize("wait", ["-1", "soon", "nan", "inf"])
async def test_wait_that_is_no_time_is_refused(
    client: httpx.AsyncClient, submitted: str, wait: str
) -> None:
    assert_problem(await client.get(f"/ocr/{submitted}?wait={wait}"), 422, "invalid_option")


async def test_waiter_that_went_away_is_let_go(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    with anyio.move_on_after(0.3):
        await client.get(f"/ocr/{submitted}?wait=15")
    assert services.announcements._watches == {}


async def test_unchanged_job_is_not_sent_again(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    first = await client.get(f"/ocr/{submitted}")
    tag = first.headers["etag"]
    again = await client.get(f"/ocr/{submitted}", headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    await finish(services, await claim_next(services))
    changed = await client.get(f"/ocr/{submitted}", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_page_is_told_as_soon_as_it_is_read(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    early = await client.get(f"/ocr/{submitted}/pages/1")
    assert_problem(early, 409, "job_not_finished")
    assert early.headers["retry-after"] == "1"
    await finish(services, await claim_next(services))
    page = (await client.get(f"/ocr/{submitted}/pages/1")).json()
    assert (page["text"], page["status"], page["page_number"]) == (ARABIC, "completed", 1)
    assert page["metadata"]["rotation_deg"] == 90
    for number in ("2", "0", "-1"):
        answer = await client.get(f"/ocr/{submitted}/pages/{number}")
        assert_problem(answer, 404, "unknown_page")
    assert_problem(await client.get(f"/ocr/{submitted}/pages/x"), 422, "invalid_option")


async def test_result_that_is_gone_is_told_as_gone(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    claim = await claim_next(services)
    await finish(services, claim)
    await services.blobs.delete(result_key(submitted, 1, claim.attempt))
    assert_problem(await client.get(f"/ocr/{submitted}"), 410, "blob_missing")


@pytest.fixture
async def five_jobs(client: httpx.AsyncClient) -> AsyncIterator[list[str]]:
    ids: list[str] = []
    for model in ("tesseract", "rapidocr", "tesseract", "rapidocr", "tesseract"):
        answer = await client.post(f"/ocr?model={model}", content=PNG)
        ids.append(answer.json()["job_id"])
    yield ids


async def test_jobs_are_listed_newest_first_page_by_page(
    client: httpx.AsyncClient, five_jobs: list[str]
) -> None:
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        body = (
            await client.get(
                "/ocr", params={"limit": 2, "cursor": cursor} if cursor else {"limit": 2}
            )
        ).json()
        seen += [job["id"] for job in body["jobs"]]
        cursor = body["next_cursor"]
    assert seen == five_jobs[::-1]
    assert cursor is None


async def test_jobs_are_filtered_by_status_and_model(
    client: httpx.AsyncClient, services: Services, five_jobs: list[str]
) -> None:
    await finish(services, await claim_next(services))
    done = (await client.get("/ocr?status=completed")).json()["jobs"]
    assert [job["id"] for job in done] == [five_jobs[0]]
    assert done[0]["result"] is None
    rapid = (await client.get("/ocr?model=rapidocr")).json()["jobs"]
    assert [job["id"] for job in rapid] == [five_jobs[3], five_jobs[1]]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "status=gone", "cursor=@"])
async def test_wrong_list_options_are_refused(client: httpx.AsyncClient, query: str) -> None:
    assert_problem(await client.get(f"/ocr?{query}"), 422, "invalid_option")

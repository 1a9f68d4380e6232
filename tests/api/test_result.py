"""Results in the form that a caller asks for, streamed page by page."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.api.negotiation import best_offer, choose_format
from ocr_api.api.rendered import content_disposition, rendered_pieces
from ocr_api.api.services import Services
from ocr_api.errors import DamagedDocumentError, NotAcceptableError
from ocr_api.jobs import Job, JobStatus, MediaType, PageRecord, PageStatus, Problem
from ocr_api.renderers import FORMATS, DocumentInfo
from ocr_api.store import JobStore, StoreLimits, connect, encode_result, open_blobs, result_key
from tests.api.conftest import open_client
from tests.api.pages import ARABIC, PNG, page_result
from tests.api.test_jobs import claim_next, finish
from tests.api.test_over_sockets import serving
from tests.api.test_submission import assert_problem

TYPES = {name: form.media_type for name, form in FORMATS.items()}
THREE = "job-of-three-pages"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.anyio
@pytest.mark.parametrize("name", FORMATS)
async def test_result_comes_by_format_and_by_accept(
    client: httpx.AsyncClient, services: Services, submitted: str, name: str
) -> None:
    await finish(services, await claim_next(services))
    address = f"/ocr/{submitted}/result"
    by_format = await client.get(address, params={"format": name})
    by_accept = await client.get(address, headers={"accept": TYPES[name]})
    assert by_format.status_code == 200, by_format.text
    assert by_format.content == by_accept.content
    for answer in (by_format, by_accept):
        assert answer.headers["content-type"].split(";")[0] == TYPES[name]
        assert answer.headers["vary"] == "Accept"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert f'"{submitted}.{FORMATS[name].suffix}"' in answer.headers["content-disposition"]
    assert all(word in by_format.text for word in ARABIC.split())


@pytest.mark.anyio
async def test_text_is_the_default_also_for_browsers(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    await finish(services, await claim_next(services))
    for accept in ("*/*", BROWSER, ""):
        answer = await client.get(f"/ocr/{submitted}/result", headers={"accept": accept})
        assert answer.text == f"{ARABIC}\n"
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.anyio
async def test_form_that_is_not_offered_is_refused(
    client: httpx.AsyncClient, submitted: str
) -> None:
    for path in (f"/ocr/{submitted}/result", f"/ocr/{submitted}/pages/1"):
        later = await client.get(f"{path}?format=pdf")
        assert_problem(later, 422, "invalid_option")
        assert "writes no PDF" in later.json()["detail"]
        unknown = await client.get(f"{path}?format=docx")
        assert_problem(unknown, 422, "invalid_option")
        assert unknown.json()["allowed"] == list(FORMATS)
        refused = await client.get(path, headers={"accept": "application/pdf, image/*;q=0.5"})
        assert_problem(refused, 406, "not_acceptable")
        assert refused.json()["allowed"] == list(TYPES.values())


@pytest.mark.anyio
async def test_result_of_a_job_that_goes_on_is_not_there_yet(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    for _ in range(2):
        early = await client.get(f"/ocr/{submitted}/result")
        assert_problem(early, 409, "job_not_finished")
        assert early.headers["retry-after"] == "1"
        await services.store.claim("w1", ["tesseract"])
    held = await client.get(f"/ocr/{submitted}/result?wait=0.1")
    assert_problem(held, 409, "job_not_finished")


@pytest.mark.anyio
async def test_failed_job_has_no_result_and_says_why(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    problem = Problem.of(DamagedDocumentError("The PNG ends early."), page=1)
    await services.store.fail(await claim_next(services), problem, final=True)
    answer = await client.get(f"/ocr/{submitted}/result?format=alto")
    assert_problem(answer, 409, "no_result")
    told = answer.json()
    assert "The PNG ends early." in told["detail"]
    assert (told["job_status"], told["error_detail"]["code"]) == ("failed", "document_damaged")
    assert "retry-after" not in answer.headers


@pytest.mark.anyio
async def test_unknown_job_and_lost_result_are_told(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    assert_problem(await client.get("/ocr/nothing/result"), 404, "unknown_job")
    claim = await claim_next(services)
    await finish(services, claim)
    await services.blobs.delete(result_key(submitted, 1, claim.attempt))
    assert_problem(await client.get(f"/ocr/{submitted}/result"), 410, "blob_missing")


@pytest.mark.anyio
async def test_unchanged_result_is_not_sent_again(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    await finish(services, await claim_next(services))
    address = f"/ocr/{submitted}/result"
    tags = {name: (await client.get(f"{address}?format={name}")).headers["etag"] for name in TYPES}
    assert len(set(tags.values())) == len(TYPES)
    for name, tag in tags.items():
        again = await client.get(f"{address}?format={name}", headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await client.get(f"{address}?format=hocr", headers={"If-None-Match": tags["alto"]})
    assert other.status_code == 200


@pytest.mark.anyio
async def test_preference_to_wait_is_told(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    await finish(services, await claim_next(services))
    answer = await client.get(f"/ocr/{submitted}/result", headers={"Prefer": "wait=5"})
    assert answer.headers["preference-applied"] == "wait=5"


@pytest.mark.anyio
async def test_page_comes_in_every_form(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    await finish(services, await claim_next(services))
    address = f"/ocr/{submitted}/pages/1"
    assert (await client.get(f"{address}?format=text")).text == f"{ARABIC}\n"
    alto = await client.get(address, headers={"accept": TYPES["alto"]})
    assert ET.fromstring(alto.content).tag.endswith("alto")  # noqa: S314 - our own output
    assert alto.headers["content-type"] == "application/alto+xml; charset=utf-8"
    for accept in ("*/*", "application/json", BROWSER):
        answer = await client.get(address, headers={"accept": accept})
        assert answer.json()["status"] == "completed"
    assert (await client.get(f"{address}?format=json")).json()["job_id"] == submitted


class StoreOfThreePages(JobStore):
    """Knows one completed job of three pages, the second of which failed."""

    async def get(self, job_id: str) -> Job:
        """Gives the job."""
        return Job(
            job_id,
            "tesseract",
            "tesseract",
            MediaType.PDF,
            10,
            "uploads/x",
            filename="صفحات 1;2.pdf",
            status=JobStatus.COMPLETED,
            pages_total=3,
            pages_done=2,
            pages_failed=1,
        )

    async def page(self, job_id: str, number: int) -> PageRecord:
        """Gives one of its pages."""
        return next(
            page for page in await self.pages(await self.get(job_id)) if page.number == number
        )

    async def pages(self, job: Job) -> list[PageRecord]:
        """Gives its pages, in no order."""
        problem = Problem("page_timeout", "Too slow.", retryable=True, page=2)
        return [
            PageRecord(3, PageStatus.DONE, "m", result_key=result_key(job.id, 3, 1)),
            PageRecord(1, PageStatus.DONE, "m", result_key=result_key(job.id, 1, 1)),
            PageRecord(2, PageStatus.FAILED, "m", problem=problem),
        ]


@pytest.mark.anyio
async def test_pages_come_in_order_and_failed_ones_are_named(
    services: Services, server_url: str
) -> None:
    for number in (1, 3):
        data = encode_result(page_result(number, f"page{number} text"))
        await services.blobs.put(result_key(THREE, number, 1), data)
    async with (
        connect(server_url) as redis,
        open_client(services, store=StoreOfThreePages(redis, StoreLimits())) as client,
    ):
        text = await client.get(f"/ocr/{THREE}/result")
        assert text.text == (
            "=== Page 1 of 3 ===\npage1 text\n\n=== Page 2 of 3 ===\n[Too slow.]\n\n"
            "=== Page 3 of 3 ===\npage3 text\n"
        )
        alone = await client.get(f"/ocr/{THREE}/pages/3?format=text")
        assert alone.text == "page3 text\n"
        disposition = text.headers["content-disposition"]
        assert disposition.startswith('inline; filename="______1_2.pdf.txt"; filename*=UTF-8')
        schema = (await client.get("/schemas/result.json")).json()
        told = (await client.get(f"/ocr/{THREE}/result?format=json")).json()
        jsonschema.Draft202012Validator(schema).validate(told)
        assert [page["status"] for page in told["pages"]] == ["completed", "failed", "completed"]
        for name in ("hocr", "alto"):
            answer = await client.get(f"/ocr/{THREE}/result?format={name}")
            ET.fromstring(answer.content)  # noqa: S314 - our own output


@pytest.mark.anyio
async def test_page_that_failed_is_told_in_every_form(
    client: httpx.AsyncClient, services: Services, submitted: str
) -> None:
    problem = Problem.of(DamagedDocumentError("The PNG ends early."), page=1)
    await services.store.fail(await claim_next(services), problem, final=True)
    for name in FORMATS:
        answer = await client.get(f"/ocr/{submitted}/pages/1?format={name}")
        assert answer.status_code == 200
        assert "The PNG ends early." in answer.text


@pytest.mark.anyio
async def test_connection_is_cut_where_a_later_page_is_lost(
    services: Services, server_url: str
) -> None:
    await services.blobs.put(result_key(THREE, 1, 1), encode_result(page_result(1)))
    async with connect(server_url) as redis:
        broken = replace(services, store=StoreOfThreePages(redis, StoreLimits()))
        async with serving(broken) as port, httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(f"http://127.0.0.1:{port}/ocr/{THREE}/result")
            assert (await client.get(f"http://127.0.0.1:{port}/livez")).status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["json", "alto"])
async def test_long_document_takes_the_memory_of_a_few_pages(
    services: Services, tmp_path: Path, name: str
) -> None:
    blobs = await open_blobs(tmp_path / "many")
    await blobs.put("results/x.1.1.json", encode_result(page_result(1, "word " * 400)))
    records = [
        PageRecord(number, PageStatus.DONE, "m", result_key="results/x.1.1.json")
        for number in range(1, 121)
    ]
    document = DocumentInfo(120, 120)
    size = 0
    tracemalloc.start()
    try:
        async for piece in rendered_pieces(
            replace(services, blobs=blobs), FORMATS[name], document, records
        ):
            size += len(piece)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 4_000_000
    assert most < 2_000_000, f"{most} bytes for a document of {size}"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text"),
        ("nonsense", "text"),
        ("*/*", "text"),
        ("text/*;q=0.5, application/json", "json"),
        ("text/*, text/plain;q=0.1", "markdown"),
        ("application/json;q=0.3, text/vnd.hocr+html;q=0.31", "hocr"),
        ("APPLICATION/ALTO+XML ; Q=1.0", "alto"),
        ("text/plain;charset=utf-8;q=0, */*;q=0.1", "markdown"),
        ("application/xml, text/html, */*;q=0.1", "text"),
        ("text/plain;q=2, application/json;q=0.5", "text"),
    ],
)
def test_accept_header_chooses(accept: str, expected: str) -> None:
    assert choose_format(None, accept, "text") == expected
    assert choose_format("hocr", accept, "text") == "hocr"


@pytest.mark.parametrize("accept", ["image/png", "*/*;q=0", "application/pdf"])
def test_accept_header_that_leaves_nothing_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptableError):
        choose_format(None, accept, "text")


@given(st.text() | st.text(alphabet="*/,;q=01. textjson", max_size=40))
def test_any_accept_header_is_understood_or_refused(accept: str) -> None:
    offers = list(TYPES.items())
    assert best_offer(accept, offers) in {*TYPES, None}


@given(st.text(min_size=1))
def test_any_filename_is_a_safe_header(name: str) -> None:
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


@pytest.mark.anyio
async def test_submission_links_to_the_result(client: httpx.AsyncClient) -> None:
    answer = await client.post("/ocr?model=tesseract", content=PNG)
    job_id = answer.json()["job_id"]
    assert json.loads(answer.text)["links"]["result"] == f"/ocr/{job_id}/result{{?format}}"

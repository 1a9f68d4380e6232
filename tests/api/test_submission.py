"""Submitting a file, in every way, and every way to do it wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from ocr_api.api.services import Services
from ocr_api.jobs import JobStatus, MediaType
from tests.api.conftest import LIMITS, open_client
from tests.api.pages import HEIC, HTML, PDF, PNG

pytestmark = pytest.mark.anyio
Stored = Callable[[], list[str]]


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = answer.json()
    assert problem["code"] == code, problem
    assert problem["status"] == status
    assert problem["type"] == f"/docs/errors#{code}"
    assert isinstance(problem["detail"], str)
    assert problem["title"]
    return problem


async def test_form_upload_is_accepted_kept_and_queued(
    client: httpx.AsyncClient, services: Services
) -> None:
    answer = await client.post(
        "/ocr",
        data={"model": "tesseract", "metadata": '{"order": 7}', "language": "ar, en"},
        files={"file": ("صفحة.png", PNG, "text/html")},
    )
    assert answer.status_code == 202
    body = answer.json()
    assert body["status"] == "pending"
    assert answer.headers["location"] == f"/ocr/{body['job_id']}" == body["links"]["self"]
    assert int(answer.headers["retry-after"]) >= 1
    job = await services.store.get(body["job_id"])
    assert job.media_type is MediaType.PNG
    assert job.filename == "صفحة.png"
    assert job.size_bytes == len(PNG)
    assert job.options.languages == ("ar", "en")
    assert job.options.metadata == {"order": 7}
    assert await services.blobs.get(job.upload_key) == PNG
    claim = await services.store.claim("w1", ["tesseract"])
    assert claim is not None
    assert claim.job.id == job.id


async def test_pages_and_password_are_taken_and_the_password_never_shown(
    client: httpx.AsyncClient, services: Services
) -> None:
    form = {"pages": "7,1-3", "password": "open sesame"}
    answer = await client.post("/ocr", files={"file": ("a.pdf", PDF)}, data=form)
    job = await services.store.get(answer.json()["job_id"])
    assert str(job.options.pages) == "1-3,7"
    assert await services.store.password(job) == "open sesame"
    shown = await client.get(f"/ocr/{job.id}")
    assert "sesame" not in answer.text + shown.text + repr(job)


async def test_options_may_stand_behind_the_file(
    client: httpx.AsyncClient, services: Services
) -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
        + PDF
        + b'\r\n--B\r\nContent-Disposition: form-data; name="model"\r\n\r\ntesseract\r\n--B--\r\n'
    )
    answer = await client.post(
        "/ocr", content=body, headers={"content-type": "multipart/form-data; boundary=B"}
    )
    job = await services.store.get(answer.json()["job_id"])
    assert job.model == "tesseract"
    assert job.media_type is MediaType.PDF
    assert await services.blobs.get(job.upload_key) == PDF


async def test_wrong_option_behind_the_file_leaves_nothing(
    client: httpx.AsyncClient, services: Services, stored_files: Stored
) -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
        + PDF
        + b'\r\n--B\r\nContent-Disposition: form-data; name="dpi"\r\n\r\n9999\r\n--B--\r\n'
    )
    answer = await client.post(
        "/ocr", content=body, headers={"content-type": "multipart/form-data; boundary=B"}
    )
    assert_problem(answer, 422, "invalid_option")
    assert stored_files() == []
    assert (await services.store.list_jobs(limit=5)).jobs == ()


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "image/png",
        "application/octet-stream",
        "text/plain",
        "application/x-www-form-urlencoded",
    ],
)
async def test_raw_body_of_any_declared_type_is_the_file(
    client: httpx.AsyncClient, services: Services, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    answer = await client.post(
        "/ocr?model=tesseract&filename=scan.png", content=PNG, headers=headers
    )
    assert answer.status_code == 202, answer.text
    job = await services.store.get(answer.json()["job_id"])
    assert (job.filename, job.media_type) == ("scan.png", MediaType.PNG)


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
async def test_base64_in_json_is_the_file(
    client: httpx.AsyncClient, services: Services, prefix: str
) -> None:
    wrapped = base64.encodebytes(PNG).decode()
    answer = await client.post(
        "/ocr",
        json={
            "base64": prefix + wrapped,
            "model": "tesseract",
            "metadata": {"a": [1]},
            "language": ["ar"],
            "dpi": 300,
            "filename": "../x/page.png",
        },
    )
    assert answer.status_code == 202, answer.text
    job = await services.store.get(answer.json()["job_id"])
    assert job.filename == "page.png"
    assert job.options.metadata == {"a": [1]}
    assert job.options.dpi == 300
    assert await services.blobs.get(job.upload_key) == PNG


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_request"),
        (b"[1]", 400, "malformed_request"),
        (b"\xff\xfe", 400, "malformed_request"),
        (b"[" * 100_000, 400, "malformed_request"),
        (b'{"base64": NaN}', 400, "malformed_request"),
        (b"{}", 422, "invalid_option"),
        (b'{"url": "http://x/y.png"}', 422, "invalid_option"),
        (b'{"base64": 7}', 422, "invalid_option"),
        (b'{"base64": "@@@@"}', 422, "invalid_option"),
        (b'{"base64": "iVBORw0KG"}', 422, "invalid_option"),
        (b'{"base64": ""}', 400, "empty_upload"),
        (b'{"base64": "PGh0bWw+"}', 415, "unsupported_type"),
        (b'{"base64": "iVBORw0KGgo=", "model": 7}', 422, "invalid_option"),
        (b'{"base64": "iVBORw0KGgo=", "model": "\\ud800"}', 422, "invalid_option"),
        (b'{"base64": "iVBORw0KGgo=", "\\ud800": "x"}', 422, "invalid_option"),
        (b'{"base64": "iVBORw0KGgo=", "metadata": {"a": "\\ud800"}}', 422, "invalid_option"),
        (b'{"base64": "iVBORw0KGgo=", "metadata": [1]}', 422, "invalid_option"),
    ],
)
async def test_wrong_json_is_refused(
    client: httpx.AsyncClient, stored_files: Stored, body: bytes, status: int, code: str
) -> None:
    answer = await client.post(
        "/ocr", content=body, headers={"content-type": "application/json; charset=utf-8"}
    )
    assert_problem(answer, status, code)
    assert stored_files() == []


async def test_base64_above_its_own_limit_is_refused(client: httpx.AsyncClient) -> None:
    content = base64.b64encode(PNG + bytes(LIMITS.max_inline_bytes)).decode()
    problem = assert_problem(
        await client.post("/ocr", json={"base64": content}), 413, "upload_too_large"
    )
    assert problem["limit"] == LIMITS.max_inline_bytes


async def test_file_of_exactly_the_limit_is_accepted_and_one_byte_more_is_not(
    client: httpx.AsyncClient, stored_files: Stored
) -> None:
    largest = PNG + bytes(LIMITS.max_upload_bytes - len(PNG))
    for send in (_as_raw, _as_form):
        assert (await send(client, largest)).status_code == 202
    kept = stored_files()
    for send in (_as_raw, _as_form, _as_chunks):
        problem = assert_problem(await send(client, largest + b"x"), 413, "upload_too_large")
        assert problem["limit"] == LIMITS.max_upload_bytes
    assert stored_files() == kept


async def _as_raw(client: httpx.AsyncClient, content: bytes) -> httpx.Response:
    return await client.post("/ocr?model=tesseract", content=content)


async def _as_form(client: httpx.AsyncClient, content: bytes) -> httpx.Response:
    return await client.post("/ocr?model=tesseract", files={"file": content})


async def _as_chunks(client: httpx.AsyncClient, content: bytes) -> httpx.Response:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 10_000):
            yield content[at : at + 10_000]

    return await client.post("/ocr?model=tesseract", content=pieces())


@pytest.mark.parametrize("content", [HTML, HEIC, b"GI", b"hello"])
async def test_type_that_is_not_read_is_refused_whatever_its_name(
    client: httpx.AsyncClient, stored_files: Stored, content: bytes
) -> None:
    answer = await client.post("/ocr", files={"file": ("page.png", content, "image/png")})
    problem = assert_problem(answer, 415, "unsupported_type")
    assert "image/png" in problem["allowed"]  # type: ignore[operator]
    assert "image/heic" not in problem["allowed"]  # type: ignore[operator]
    assert stored_files() == []


async def test_empty_uploads_are_refused(client: httpx.AsyncClient, stored_files: Stored) -> None:
    assert_problem(await client.post("/ocr"), 400, "empty_upload")
    assert_problem(await client.post("/ocr", files={"file": ("a.png", b"")}), 400, "empty_upload")
    assert stored_files() == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"no form at all", 400, "malformed_request"),
        (b"--B\r\n\r\nx\r\n--B--\r\n", 400, "malformed_request"),
        (
            b'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + PNG,
            400,
            "malformed_request",
        ),
        (
            b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nauto\r\n--B--\r\n',
            422,
            "invalid_option",
        ),
        (
            b'--B\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nx\r\n'
            b"--B--\r\n",
            422,
            "invalid_option",
        ),
        (
            b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n\xff\r\n--B--\r\n',
            400,
            "malformed_request",
        ),
        (
            b'--B\r\nContent-Disposition: form-data; name="\xff"\r\n\r\na\r\n--B--\r\n',
            400,
            "malformed_request",
        ),
        (
            b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 300_000,
            413,
            "upload_too_large",
        ),
        (
            b'--B\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n' + b"x" * 270_000,
            400,
            "malformed_request",
        ),
        (
            b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 40,
            400,
            "malformed_request",
        ),
        (
            b'--B\r\nContent-Disposition: form-data; name="file"\r\n'
            b"Content-Transfer-Encoding: base64\r\n\r\naaaa\r\n--B--\r\n",
            400,
            "malformed_request",
        ),
        (b"--B\r\n" + b"X: y\r\n" * 1000, 400, "malformed_request"),
    ],
)
async def test_wrong_forms_are_refused(
    client: httpx.AsyncClient, stored_files: Stored, body: bytes, status: int, code: str
) -> None:
    if status == 413:
        body += b"y" * 300_000
    answer = await client.post(
        "/ocr", content=body, headers={"content-type": "multipart/form-data; boundary=B"}
    )
    assert_problem(answer, status, code)
    assert stored_files() == []


async def test_form_without_boundary_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/ocr", content=b"x", headers={"content-type": "multipart/form-data"}
    )
    assert_problem(answer, 400, "malformed_request")


async def test_several_files_are_refused(client: httpx.AsyncClient, stored_files: Stored) -> None:
    answer = await client.post("/ocr", files=[("file", PNG), ("file", PNG)])
    assert_problem(answer, 422, "invalid_option")
    assert stored_files() == []


@pytest.mark.parametrize(
    ("query", "option"),
    [
        ("pages=3-1", "pages"),
        ("pages=0", "pages"),
        ("pages=1;2", "pages"),
        ("formats=hocr", "formats"),
        ("model=tesseract&prompt_mode=layout", "prompt_mode"),
        ("prompt_mode=layout", "prompt_mode"),
        ("prompt_mode=A+B", "prompt_mode"),
        ("model=tesseract&prompt=Hello", "prompt"),
        ("prompt=Hello", "prompt"),
        ("prompt=" + "x" * 2001, "prompt"),
        ("password=a%00b", "password"),
        ("password=" + "x" * 1025, "password"),
        ("url=http://x", "url"),
        ("priority=urgent", "priority"),
        ("colour=red", "colour"),
        ("model=nonsense", "model"),
        ("model=tesseract&engine=rapidocr", "engine"),
        ("model=tesseract&model=rapidocr", "model"),
        ("dpi=71", "dpi"),
        ("dpi=601", "dpi"),
        ("dpi=1e2", "dpi"),
        ("dpi=٣٠٠", "dpi"),
        ("language=arabic!", "language"),
        ("metadata=x", "metadata"),
        ("metadata=" + json.dumps({"a": "x" * 600}), "metadata"),
        ("engine_options={}", "engine_options"),
    ],
)
async def test_options_that_are_not_offered_are_refused(
    client: httpx.AsyncClient, stored_files: Stored, query: str, option: str
) -> None:
    problem = assert_problem(await client.post(f"/ocr?{query}", content=PNG), 422, "invalid_option")
    assert problem["option"] == option
    assert "secret" not in json.dumps(problem)
    assert stored_files() == []


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\scans\\page 1.png", "page 1.png"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("\x00\x1b[31mred", "[31mred"),
        ("..", None),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
    ],
)
async def test_names_are_cleaned_for_display(
    client: httpx.AsyncClient, services: Services, sent: str, shown: str | None
) -> None:
    answer = await client.post("/ocr", params={"model": "tesseract", "filename": sent}, content=PNG)
    job = await services.store.get(answer.json()["job_id"])
    assert job.filename == shown


async def test_default_model_that_cannot_run_is_replaced_and_said_so(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/ocr", content=PNG)
    job = (await client.get(answer.headers["location"])).json()
    assert (job["model"], job["requested_model"]) == ("auto", "qari")
    assert "No GPU." in job["warnings"][0]


async def test_named_model_that_cannot_run_is_a_conflict_and_leaves_nothing(
    client: httpx.AsyncClient, stored_files: Stored
) -> None:
    answer = await client.post("/ocr?engine=qari", content=PNG)
    problem = assert_problem(answer, 409, "model_unavailable")
    assert "No GPU." in str(problem["detail"])
    assert stored_files() == []


async def test_no_fallback_means_conflict(services: Services) -> None:
    async with open_client(services, fallback_model="") as client:
        assert_problem(await client.post("/ocr", content=PNG), 409, "model_unavailable")


async def test_job_ids_are_long_and_different(client: httpx.AsyncClient) -> None:
    ids = {(await _as_raw(client, PNG)).json()["job_id"] for _ in range(5)}
    assert len(ids) == 5
    assert all(len(job_id) >= 22 for job_id in ids)


async def test_accepted_job_is_pending(client: httpx.AsyncClient, submitted: str) -> None:
    job = (await client.get(f"/ocr/{submitted}")).json()
    assert job["status"] == JobStatus.PENDING
    assert job["id"] == job["job_id"] == submitted
    assert job["created_at"].endswith("Z")
    assert job["result"] is None
    assert job["expires_at"] is None


@pytest.mark.parametrize("data", [PDF, PNG])
async def test_old_address_takes_what_the_other_takes(
    client: httpx.AsyncClient, services: Services, data: bytes
) -> None:
    sent = {"files": {"file": ("a", data)}, "data": {"pages": "1-3", "password": "open sesame"}}
    key = {"Idempotency-Key": "order-7"}
    answer = await client.post("/ocr/pdf", headers=key, **sent)  # type: ignore[arg-type]
    assert answer.status_code == 202, answer.text
    job = await services.store.get(answer.json()["job_id"])
    assert (str(job.options.pages), job.has_password) == ("1-3", True)
    again = await client.post("/ocr", headers=key, **sent)  # type: ignore[arg-type]
    assert (again.status_code, again.json()) == (202, answer.json())
    assert again.headers["location"] == answer.headers["location"] == f"/ocr/{job.id}"


async def test_old_address_refuses_what_the_other_refuses(client: httpx.AsyncClient) -> None:
    assert_problem(await client.post("/ocr/pdf", content=HTML), 415, "unsupported_type")
    assert_problem(await client.post("/ocr/pdf?dpi=1", content=PDF), 422, "invalid_option")


async def test_both_addresses_are_described_alike(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    for part in ("requestBody", "parameters", "responses"):
        assert paths["/ocr/pdf"]["post"][part] == paths["/ocr"]["post"][part]

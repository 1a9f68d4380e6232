"""What a model may be asked for, and with which words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from ocr_api.api.services import Services
from ocr_api.catalog import Catalog, ModelSpec
from tests.api.conftest import open_client
from tests.api.pages import PNG
from tests.api.test_submission import assert_problem

pytestmark = pytest.mark.anyio

WRITER = ModelSpec(
    "writer", "Writer", "engine:Class", "", prompt_modes=("text", "layout"), allows_prompt=True
)
STRICT = replace(WRITER, id="strict", allows_prompt=False)


@pytest.fixture
async def prompted(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """An API that knows two models that take prompts."""
    models = {**services.catalog.models, "writer": WRITER, "strict": STRICT}
    async with open_client(services, catalog=Catalog(models, services.catalog.routes)) as client:
        yield client


async def test_mode_and_prompt_reach_the_job(
    prompted: httpx.AsyncClient, services: Services
) -> None:
    chosen = {"model": "writer", "prompt_mode": "layout", "prompt": "Only the names, please."}
    answer = await prompted.post("/ocr", files={"file": PNG}, data=chosen)
    job = await services.store.get(answer.json()["job_id"])
    assert (job.options.prompt_mode, job.options.prompt) == ("layout", "Only the names, please.")


async def test_mode_that_the_model_has_not_is_refused_with_those_it_has(
    prompted: httpx.AsyncClient,
) -> None:
    answer = await prompted.post("/ocr?model=writer&prompt_mode=boxes", content=PNG)
    problem = assert_problem(answer, 422, "invalid_option")
    assert problem["allowed"] == ["text", "layout", "markdown"]


async def test_prompt_is_refused_where_the_model_takes_none(prompted: httpx.AsyncClient) -> None:
    answer = await prompted.post("/ocr?model=strict&prompt=Hello", content=PNG)
    allowed = str(assert_problem(answer, 422, "invalid_option")["allowed"])
    assert "'writer'" in allowed
    assert "'strict'" not in allowed


@pytest.mark.parametrize("model", ["auto", "tesseract", "writer"])
@pytest.mark.parametrize("mode", ["text", "markdown"])
async def test_text_and_markdown_may_be_asked_of_every_model(
    prompted: httpx.AsyncClient, model: str, mode: str
) -> None:
    answer = await prompted.post(f"/ocr?model={model}&prompt_mode={mode}", content=PNG)
    assert answer.status_code == 202


async def test_another_prompt_is_another_payload(prompted: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "one"}
    first = await prompted.post("/ocr?model=writer&prompt=A", content=PNG, headers=key)
    same = await prompted.post("/ocr?model=writer&prompt=A", content=PNG, headers=key)
    other = await prompted.post("/ocr?model=writer&prompt=B", content=PNG, headers=key)
    assert first.json()["job_id"] == same.json()["job_id"]
    assert_problem(other, 422, "idempotency_key_reused")

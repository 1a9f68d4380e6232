"""Where the end of a job is told, and how that went."""

from __future__ import annotations

import httpx
import pytest

from ocr_api.api.services import Services
from ocr_api.jobs import DeliveryState, DeliveryTry, PageRanges
from ocr_api.outbound import parse_networks
from tests.api.conftest import open_client
from tests.api.pages import PNG

pytestmark = pytest.mark.anyio

URL = "https://receiver.example/hook"


async def submit(client: httpx.AsyncClient, url: str = URL) -> str:
    answer = await client.post("/ocr", params={"webhook_url": url}, content=PNG)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


async def end(services: Services, job_id: str) -> None:
    claim = await services.store.claim("worker", ["auto"])
    assert claim is not None
    assert claim.job.id == job_id
    page = await services.store.open(claim, pages_total=1, pages=PageRanges.parse("1"))
    assert page is not None
    await services.store.finish(page, "results/x")


async def test_delivery_is_shown_with_its_tries(
    client: httpx.AsyncClient, services: Services
) -> None:
    job_id = await submit(client)
    path = f"/ocr/{job_id}/webhooks"
    assert (await client.get(path)).json() == {"deliveries": []}
    await end(services, job_id)
    claimed = await services.store.claim_delivery("notifier", 30)
    assert claimed is not None
    made = DeliveryTry(claimed.created_at, 0.5, 503, "The receiver answered 503.", signed=True)
    await services.store.postpone(claimed, 60, made)
    (found,) = (await client.get(path)).json()["deliveries"]
    assert (found["id"], found["url"], found["state"]) == (f"msg_{job_id}", URL, "pending")
    assert found["next_try_at"] > found["created_at"]
    (told,) = found["tries"]
    assert told == {
        "at": found["created_at"],
        "duration_s": 0.5,
        "status": 503,
        "error": "The receiver answered 503.",
        "signed": True,
    }


async def test_delivery_is_repeated_on_demand(
    client: httpx.AsyncClient, services: Services
) -> None:
    job_id = await submit(client)
    await end(services, job_id)
    claimed = await services.store.claim_delivery("notifier", 30)
    assert claimed is not None
    await services.store.settle(claimed, DeliveryState.GONE, DeliveryTry(1.0, 0.1, 410))
    (found,) = (await client.get(f"/ocr/{job_id}/webhooks")).json()["deliveries"]
    assert (found["state"], found["next_try_at"]) == ("gone", None)
    answer = await client.post(found["links"]["redeliver"])
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    again = await services.store.claim_delivery("notifier", 30)
    assert again is not None
    assert again.id == claimed.id


async def test_unknown_jobs_and_deliveries_are_404(
    client: httpx.AsyncClient, services: Services
) -> None:
    answer = await client.get("/ocr/nobody/webhooks")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")
    job_id = await submit(client)
    await end(services, job_id)
    for delivery in ("msg_nobody", "x"):
        answer = await client.post(f"/ocr/{job_id}/webhooks/{delivery}/redeliver")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_delivery")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://[::ffff:10.0.0.1]/",
        "http://localhost:9000/",
        "http://169.254.169.254/latest/meta-data/",
        "ftp://example.com/",
        "http://user:secret@example.com/",
        "http://example.com:25/",
        "nonsense",
        "http://example.com/" + "a" * 2048,
    ],
)
async def test_target_that_is_never_reached_is_refused_at_once(
    client: httpx.AsyncClient, url: str
) -> None:
    answer = await client.post("/ocr", files={"file": PNG}, data={"webhook_url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")
    assert answer.json()["option"] == "webhook_url"
    assert "secret" not in answer.text


async def test_allowed_network_may_be_named(services: Services) -> None:
    networks = parse_networks(["127.0.0.0/8"])
    async with open_client(services, webhook_networks=networks) as client:
        assert await submit(client, "http://localhost:9000/hook")
        assert await submit(client, "http://127.0.0.1:9000/hook")


async def test_empty_url_counts_as_not_given(client: httpx.AsyncClient, services: Services) -> None:
    job_id = await submit(client, "")
    await end(services, job_id)
    assert (await client.get(f"/ocr/{job_id}/webhooks")).json() == {"deliveries": []}

"""kill -9 of the notifier, and of the whole service, in the middle of deliveries: none is lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Service, eventually, running, scripted_catalog, small_png
from tests.webhooks.conftest import SECRET
from tests.webhooks.receiving import Receiving, receiver

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

JOBS = 8


@pytest.fixture
def receiving(tmp_path: Path) -> Iterator[Receiving]:
    with receiver(tmp_path / "got.jsonl") as found:
        yield found


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service with a quick model, whose webhooks may reach loopback."""
    environment = {
        "CATALOG_FILE": str(scripted_catalog(tmp_path / "own.toml", text="read")),
        "DEFAULT_MODEL": "slow",
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "WEBHOOK_SECRET": SECRET,
        "WEBHOOK_TIMEOUT": "2",
        "WEBHOOK_RETRY_WAITS": "0.3",
        "DRAIN_SECONDS": "1",
        "LEASE_SECONDS": "2",
    }
    with running(tmp_path / "data", environment) as started:
        yield started


def delivery(service: Service, job_id: str) -> dict[str, object]:
    (found,) = service.client.get(f"/ocr/{job_id}/webhooks").json()["deliveries"]
    return dict(found)


def all_delivered(service: Service, ids: list[str]) -> bool:
    return all(delivery(service, job_id)["state"] == "delivered" for job_id in ids)


def test_killed_notifier_delivers_after_its_restart_with_the_same_id(
    service: Service, receiving: Receiving
) -> None:
    ids = [service.submit(small_png(), webhook_url=receiving.url("/slow")) for _ in range(JOBS)]
    eventually(lambda: len(receiving.got()) >= 2, 20)  # the first ones are on their way
    assert service.kill("notifier") == 1
    for job_id in ids:
        service.ended(job_id)
    eventually(lambda: all_delivered(service, ids), 60, lambda: service.log.read_text()[-3000:])
    told = [(one.event["job_id"], one.headers["webhook-id"]) for one in receiving.got()]
    assert len(told) > JOBS  # those that were cut off came again
    assert set(told) == {(job_id, f"msg_{job_id}") for job_id in ids}


def test_killed_service_tells_of_every_job_after_its_restart(
    service: Service, receiving: Receiving
) -> None:
    ids = [service.submit(small_png(), webhook_url=receiving.url("/flaky")) for _ in range(JOBS)]
    time.sleep(0.3)
    service.stop(signal.SIGKILL)
    service.start()
    for job_id in ids:
        service.ended(job_id)
    eventually(lambda: all_delivered(service, ids), 60, lambda: service.log.read_text()[-3000:])
    assert {one.headers["webhook-id"] for one in receiving.got()} == {f"msg_{job}" for job in ids}
    eventually(lambda: not [key for key in service.blobs() if "webhooks" in key], 5, service.blobs)


def test_killed_worker_leaves_the_notifier_alone(service: Service) -> None:
    """`serve` runs both apart, so neither takes the other down."""
    (notifier,) = service.pids("notifier")
    service.kill("worker")
    time.sleep(0.5)
    assert service.pids("notifier") == [notifier]

"""A real queue, a real object store, and the application without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio.to_thread
import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from redis.asyncio import Redis

from ocr_api.api.app import create_app
from ocr_api.api.services import Limits, Services
from ocr_api.catalog import Availability, load_catalog
from ocr_api.store import (
    Announcements,
    EmbeddedServer,
    JobStore,
    ModelReport,
    StoreLimits,
    WorkerReport,
    connect,
    connect_listener,
    open_blobs,
)
from tests.api.pages import PNG

LIMITS = Limits(
    max_upload_bytes=200_000, max_inline_bytes=50_000, max_metadata_bytes=500, max_wait_s=20.0
)


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedServer(tmp_path_factory.mktemp("server"))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
        yield server.url


@pytest.fixture
async def services(server_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    catalog = await anyio.to_thread.run_sync(load_catalog)
    async with connect(server_url) as redis, connect_listener(server_url) as listener:
        await redis.flushall()
        yield Services(
            store=JobStore(redis, StoreLimits()),
            blobs=await open_blobs(tmp_path / "blobs"),
            announcements=Announcements(listener),
            catalog=catalog,
            limits=LIMITS,
            default_model="qari",
            fallback_model="auto",
            host_check=lambda model: Availability("No GPU." if model == "qari" else ""),
            version="1.2.3",
        )


@pytest.fixture
async def redis(server_url: str) -> AsyncIterator[Redis]:
    """The server that the services use."""
    async with connect(server_url) as client:
        yield client


@asynccontextmanager
async def open_client(
    services: Services, *, host: str = "localhost", **changes: object
) -> AsyncIterator[httpx.AsyncClient]:
    """Gives a client of an application built of these services, its lifespan running."""
    app = await anyio.to_thread.run_sync(create_app, replace(services, **changes))  # type: ignore[arg-type]
    async with running(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            yield client


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    async with app.router.lifespan_context(app):
        yield


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(services) as found:
        yield found


@pytest.fixture
def stored_files(tmp_path: Path) -> Callable[[], list[str]]:
    """Tells which files lie in the object store."""

    def found() -> list[str]:
        folder = tmp_path / "blobs"
        return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())

    return found


@pytest.fixture
async def submitted(client: httpx.AsyncClient) -> str:
    """The id of a job that was just submitted, for the model `tesseract`."""
    answer = await client.post("/ocr?model=tesseract", content=PNG)
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["job_id"]
    return job_id


def worker_report(worker_id: str = "w1", **models: ModelReport) -> WorkerReport:
    """A report of a worker that can run these models."""
    return WorkerReport(worker_id, "host", 1, "1.2.3", models)

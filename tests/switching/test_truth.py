"""What the API says of models stays true while they load, read, drain and are killed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from ocr_api.worker.heartbeat import BEAT_S, TTL_S
from tests.service import is_running, small_png
from tests.switching.ground import Ground, running
from tests.switching.truth import Watcher
from tests.worker.residency_catalog import write_catalog

pytestmark = [pytest.mark.anyio, pytest.mark.processes, pytest.mark.timeout(180)]
_BUSY_MACHINE_S = 2.0
"""A process that gets no processor for a while tells late."""


@dataclass(frozen=True)
class Stage:
    """A service with one worker, and a caller."""

    ground: Ground
    client: httpx.AsyncClient

    async def order(self, model: str, action: str, wait_s: int = 60) -> None:
        answer = await self.client.post(f"/models/{model}/{action}", params={"wait": str(wait_s)})
        assert answer.status_code in {200, 202}, answer.text

    async def submit(self, model: str) -> str:
        form = {"model": model}
        answer = await self.client.post("/ocr", files={"file": small_png()}, data=form)
        return str(answer.raise_for_status().json()["job_id"])

    async def job(self, job_id: str, wait_s: int = 0) -> dict[str, Any]:
        answer = await self.client.get(f"/ocr/{job_id}", params={"wait": str(wait_s)})
        return dict(answer.raise_for_status().json())

    async def until(self, model: str, *statuses: str) -> None:
        with anyio.fail_after(30):
            while (await self.client.get(f"/models/{model}")).json()["status"] not in statuses:
                await anyio.sleep(0.02)

    def pids(self) -> set[int]:
        return set(self.ground.model_children()[self.ground.workers[0]])


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[tuple[Stage, Watcher]]:
    catalog = write_catalog(
        folder / "own.toml", 10, one={}, two={}, slow={"load_delay_s": 0.8, "delay_s": 0.8}
    )
    environment = {"CATALOG_FILE": str(catalog), "DEFAULT_MODEL": "one", "MODEL_MEMORY_MIB": "100"}
    async with running(folder, environment, replicas=1, workers=1) as ground:
        watcher = Watcher(ground)
        async with (
            httpx.AsyncClient(base_url=ground.apis[0], trust_env=False, timeout=70) as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(watcher.run)
            yield Stage(ground, client), watcher
            tasks.cancel_scope.cancel()


def kill(pids: set[int]) -> None:
    assert pids
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def process_killed_while(stage: Stage, status: str) -> dict[str, Any]:
    """Has a page of `slow` asked for, kills its model's process at some moment; gives the job."""
    others = stage.pids()
    job_id = await stage.submit("slow")
    if status == "loading":
        await stage.until("slow", "loading")
        with anyio.fail_after(30):
            while not stage.pids() - others:
                await anyio.sleep(0.02)
    else:
        await stage.until("slow", "loaded")
        await anyio.sleep(0.3)
    if status == "unloading":
        await stage.order("slow", "unload", wait_s=0)
        await stage.until("slow", "unloading")
    kill(stage.pids() - others)
    job = await stage.job(job_id, wait_s=60)
    assert (job["status"], job["model"]) == ("completed", "slow"), job
    assert job["result"]["text"] == "slow 32"
    await stage.order("slow", "unload")
    return job


async def worker_killed(stage: Stage) -> None:
    """Its models are gone from what the API says once it counts as dead."""
    await stage.order("one", "load")
    children = stage.pids()
    os.kill(stage.ground.workers[0], signal.SIGKILL)
    with anyio.fail_after(TTL_S + _BUSY_MACHINE_S):
        await stage.until("one", "ready")
        assert (await stage.client.get("/models/current")).json()["workers"] == []
    assert not any(map(is_running, children))


async def test_killed_processes_harm_no_job_and_the_api_tells_the_truth(tmp_path: Path) -> None:
    async with staged(tmp_path) as (stage, watcher):
        await stage.order("one", "load")
        alone = stage.pids()
        await stage.order("two", "load")
        with anyio.fail_after(_BUSY_MACHINE_S):
            while not any("two" in one.loaded for one in watcher.said):
                await anyio.sleep(0.02)
        kill(stage.pids() - alone)
        await stage.until("two", "ready")
        jobs = {
            status: await process_killed_while(stage, status)
            for status in ("loading", "reading", "unloading")
        }
        assert jobs["loading"]["attempts"] == 1
        assert jobs["reading"]["attempts"] == 2
        await stage.order("one", "unload")
        assert stage.pids() == set()
        await anyio.sleep(BEAT_S)
        said = list(watcher.said)
        await worker_killed(stage)
    watcher.said = said
    assert len(said) > 50
    assert {model for one in said for model in one.loaded} == {"one", "two", "slow"}
    assert list(watcher.lies(BEAT_S)) == []

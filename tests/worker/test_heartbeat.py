"""A worker tells at once what is new of its models, and never an older state after a later one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest

from ocr_api.store import EmbeddedServer, JobStore, ModelReport, StoreLimits, WorkerReport, connect
from ocr_api.worker.heartbeat import Heartbeat

pytestmark = pytest.mark.anyio


async def told_within(store: JobStore, status: str, seconds: float) -> bool:
    with anyio.move_on_after(seconds):
        while [worker.models["m"].status for worker in await store.workers()] != [status]:
            await anyio.sleep(0.01)
        return True
    return False


@pytest.mark.parametrize("beat_s", [3600.0, 0.2])
async def test_change_is_told_at_once_or_else_with_the_next_beat(
    tmp_path: Path, beat_s: float
) -> None:
    models: dict[str, ModelReport] = {"m": ModelReport(status="ready")}

    def compose() -> WorkerReport:
        now: Mapping[str, ModelReport] = dict(models)
        return WorkerReport("w", models=now)

    async with EmbeddedServer(tmp_path) as server, connect(server.url) as redis:
        store = JobStore(redis, StoreLimits())
        heartbeat = Heartbeat(store, compose, beat_s)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(heartbeat.run)
            assert await told_within(store, "ready", 10)
            models["m"] = ModelReport(status="loading")
            if beat_s > 1:
                assert not await told_within(store, "loading", 0.2)
                heartbeat.changed()
            assert await told_within(store, "loading", 10)
            tasks.cancel_scope.cancel()

"""What a tree of processes takes, and a model that is loaded, read with, and unloaded in turns."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx

from tests.service import descendants
from tests.switching.ground import Ground

_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_PATIENCE_S = 240.0
_NEAR_SHARE, _NEAR_MIB = 0.03, 30e6 / (1 << 20)


def tree_pss_mib(root: int) -> float:
    """Gives the proportional set size of a process and all below it, in MiB.

    Pages that several processes share count once in all, and mapped files count as far as they are
    in memory (proc_pid_smaps(5)).
    """
    total_kib = 0
    for pid in (root, *(pid for pid, _ in descendants(root))):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
            total_kib += int(found.group(1)) if found else 0
    return total_kib / 1024


def is_back(now_mib: float, start_mib: float) -> bool:
    """Memory is as it was, within 3 % or 30 MB."""
    return abs(now_mib - start_mib) <= max(_NEAR_SHARE * start_mib, _NEAR_MIB)


@dataclass(frozen=True, slots=True)
class LoadCycles:
    """Loads a model, reads a page with it, and unloads it.

    Attributes:
        ground: The service; its first worker is looked at.
        client: Calls its first API.
        model: Which.
        page: That is read, as it is uploaded; None = none is.
    """

    ground: Ground
    client: httpx.AsyncClient
    model: str
    page: bytes | None

    @property
    def worker(self) -> int:
        """Process id of the worker."""
        return self.ground.workers[0]

    async def load(self) -> None:
        """Returns once the model is loaded, and has read a page."""
        assert (await self._order("load"))["status"] == "loaded"
        if self.page is not None:
            form = {"model": self.model}
            answer = await self.client.post("/ocr", files={"file": self.page}, data=form)
            await self._ended(str(answer.json()["job_id"]))

    async def unload(self) -> None:
        """Returns once the API says that it is gone."""
        assert (await self._order("unload"))["status"] == "ready"

    def processes(self) -> list[int]:
        """Process ids of the models' children."""
        return self.ground.model_children()[self.worker]

    async def _order(self, action: str) -> dict[str, Any]:
        path = f"/models/{self.model}/{action}"
        answer = await self.client.post(path, params={"wait": "60"})
        while answer.status_code == 202:
            answer = await self.client.post(path, params={"wait": "60"})
        return dict(answer.raise_for_status().json())

    async def _ended(self, job_id: str) -> None:
        job: dict[str, Any] = {}
        with anyio.fail_after(_PATIENCE_S):
            while job.get("status") not in {"completed", "failed"}:
                answer = await self.client.get(f"/ocr/{job_id}", params={"wait": "60"})
                job = answer.raise_for_status().json()
        assert job["status"] == "completed", job


@asynccontextmanager
async def cycling(ground: Ground, model: str, page: bytes | None) -> AsyncIterator[LoadCycles]:
    """Gives cycles for the time of the context, once the worker's common children are up."""
    async with httpx.AsyncClient(base_url=ground.apis[0], trust_env=False, timeout=70) as client:
        common = ("ocr_api.child.document_process", "ocr_api.child.inspect_process")
        with anyio.fail_after(60):
            while not all(
                any(name in line for _, line in descendants(ground.workers[0])) for name in common
            ):
                await anyio.sleep(0.1)
        await anyio.sleep(2)  # in which they have imported what they need
        yield LoadCycles(ground, client, model, page)

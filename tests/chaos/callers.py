"""Ordinary callers: they repeat what was not answered, with the same Idempotency-Key, and wait."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx

from tests.chaos.documents import PDF_DPI, make_document
from tests.chaos.plan import JobPlan

_PATIENCE_S = 0.2
_AT_ONCE = 24
_TRY_AGAIN = {409, 429, 503}
_ENDED = {"completed", "failed", "cancelled"}


@dataclass(slots=True)
class Accepted:
    """A job whose 202 arrived.

    Attributes:
        plan: What was submitted.
        job_id: From the 202.
        cancel: What became of the wish to cancel it: `no`, `unanswered`, or the answer's status.
        job: As it stood at its end; None = not ended, or removed.
        is_removed: Its caller removed it once it had ended.
        texts: Of its pages, by number, with their widths.
    """

    plan: JobPlan
    job_id: str
    cancel: str = "no"
    job: dict[str, Any] | None = None
    is_removed: bool = False
    texts: dict[int, tuple[int, str]] = field(default_factory=dict[int, tuple[int, str]])


class Callers:
    """All callers of a run.

    Args:
        base_url: Of the API.
        key: Begins every Idempotency-Key.
        webhook: Gives the address to be told at a job's end.
    """

    def __init__(self, base_url: str, key: str, webhook: Callable[[JobPlan], str]) -> None:
        self._base_url = base_url
        self._key = key
        self._webhook = webhook
        self.accepted = list[Accepted]()
        self.wrong = list[str]()
        self.counts = Counter[str]()
        self.longest_submit_s = 0.0

    async def run(self, plans: Sequence[JobPlan]) -> None:
        """Submits all jobs, a few at a time, and waits for the end of each."""
        limiter = anyio.CapacityLimiter(_AT_ONCE)
        pool = httpx.Limits(max_connections=2 * _AT_ONCE)
        async with (
            httpx.AsyncClient(
                base_url=self._base_url, trust_env=False, timeout=15, limits=pool
            ) as client,
            anyio.create_task_group() as tasks,
        ):
            for plan in plans:
                await limiter.acquire_on_behalf_of(plan)
                tasks.start_soon(self._live, client, plan, limiter)

    async def _live(
        self, client: httpx.AsyncClient, plan: JobPlan, limiter: anyio.CapacityLimiter
    ) -> None:
        try:
            job_id = await self._submit(client, plan)
            if job_id is None:
                return
            found = Accepted(plan, job_id)
            self.accepted.append(found)
            if plan.cancelled_after_s is not None:
                await anyio.sleep(plan.cancelled_after_s)
                await self._cancel(client, found)
            await self._wait(client, found)
            if found.job is not None and found.job["status"] == "completed":
                await self._fetch(client, found)
        finally:
            limiter.release_on_behalf_of(plan)

    async def _submit(self, client: httpx.AsyncClient, plan: JobPlan) -> str | None:
        started_at = time.monotonic()
        options = {"webhook_url": self._webhook(plan), "model": "marks"}
        if plan.is_inspected:
            options["model"] = "seen"
        if plan.kind == "pdf":
            options["dpi"] = str(PDF_DPI)
        answer = await self._patiently(
            client,
            "POST",
            "/ocr",
            files={"file": (f"{plan.number}.{plan.kind}", make_document(plan))},
            data=options,
            headers={"Idempotency-Key": f"{self._key}-{plan.number}"},
        )
        self.longest_submit_s = max(self.longest_submit_s, time.monotonic() - started_at)
        return str(answer.json()["job_id"]) if self._expect(answer, 202, plan) else None

    async def _cancel(self, client: httpx.AsyncClient, found: Accepted) -> None:
        """Asks once: asked again, an ended job would be removed."""
        found.cancel = "unanswered"
        try:
            answer = await client.delete(f"/ocr/{found.job_id}")
        except httpx.TransportError:
            return
        found.cancel = str(answer.status_code)
        if answer.status_code not in {200, 204, 503}:
            self.wrong.append(f"DELETE of job {found.plan.number}: {answer.text}")

    async def _wait(self, client: httpx.AsyncClient, found: Accepted) -> None:
        while True:
            answer = await self._patiently(client, "GET", f"/ocr/{found.job_id}?wait=5")
            if answer.status_code == 404 and found.cancel in {"204", "unanswered", "503"}:
                found.is_removed = True
                return
            if not self._expect(answer, 200, found.plan):
                return
            found.job = dict(answer.json())
            if found.job["status"] in _ENDED:
                return

    async def _fetch(self, client: httpx.AsyncClient, found: Accepted) -> None:
        path = f"/ocr/{found.job_id}/result?format=json"
        answer = await self._patiently(client, "GET", path)
        if self._expect(answer, 200, found.plan):
            for page in answer.json()["pages"]:
                width = (page["metadata"] or {}).get("width_px", 0)
                found.texts[page["page_number"]] = (width, page["text"])

    async def _patiently(
        self, client: httpx.AsyncClient, method: str, path: str, **how: Any
    ) -> httpx.Response:
        while True:
            try:
                answer = await client.request(method, path, **how)
                _ = answer.json() if answer.is_success else None  # it came as a whole
            except (httpx.TransportError, ValueError):
                self.counts[f"{method} broken off"] += 1
            else:
                if answer.status_code not in _TRY_AGAIN:
                    return answer
                self.counts[f"{method} {answer.status_code}"] += 1
            await anyio.sleep(_PATIENCE_S)

    def _expect(self, answer: httpx.Response, status: int, plan: JobPlan) -> bool:
        if answer.status_code == status:
            return True
        asked = f"{answer.request.method} {answer.request.url.path}"
        self.wrong.append(f"job {plan.number}: {asked}: {answer.status_code} {answer.text[:300]}")
        return False

"""Page tasks: claimed under a lease, each write fenced by the attempt number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ocr_api.jobs import Claim, PageRanges, Problem
from ocr_api.store.limits import FailOutcome
from ocr_api.store.records import decode_fields, decode_job, dump_problem, dump_texts
from ocr_api.store.scripts import Script, Scripts

_RECLAIMED_AT_ONCE = 100
"""Entries that one script call takes back: bounds how long it keeps the server."""


class Pages:
    """The part of the store that workers live by; a stale worker changes nothing here."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def claim(self, worker_id: str, models: Sequence[str]) -> Claim | None:
        """Claims the next ready page in the lanes of these models; None = nothing there.

        As `claim_some`, which see.
        """
        claims = await self.claim_some(worker_id, models, 1)
        return claims[0] if claims else None

    async def claim_some(self, worker_id: str, models: Sequence[str], most: int) -> list[Claim]:
        """Claims up to `most` (at least 1) of the next ready pages, in one call.

        Counts as an attempt at once, so that crashes count too. A page whose attempts or time are
        used up fails instead, with `attempts_exhausted` or `page_timeout`, and the next one is
        tried. After an error it is unknown whether pages were claimed: don't repeat the call for
        the same slots' sake, their leases bring the pages back.

        Returns:
            The claims, none where nothing is ready in the lanes of these models.
        """
        if not models:
            return []
        while (reply := await self._scripts.call(Script.CLAIM, worker_id, most, *models)) == 0:
            pass
        return [_claim(found, worker_id) for found in cast("list[object]", reply)]

    async def open(
        self, claim: Claim, *, pages_total: int, pages: PageRanges, warnings: Sequence[str] = ()
    ) -> Claim | None:
        """Writes what opening a document showed, and queues its pages in the claim's lane.

        Idempotent for the same claim. Thousands of pages take several calls of the script; what
        a first call said of the pages holds, also for a claim that repeats the opening.

        Args:
            claim: Of the opening; over afterwards.
            pages_total: Pages of the document, at least 1.
            pages: Those that are read, at least one.
            warnings: Added to the job.

        Returns:
            A claim of the first page, with which the worker goes on at once; None where that page
            is taken already, or the claim is stale (then nothing has changed).
        """
        arguments = (
            *(claim.job.id, claim.attempt, claim.worker_id),
            *(pages_total, str(pages), pages.count, dump_texts(warnings)),
        )
        while (reply := await self._scripts.call(Script.OPEN, *arguments)) == 1:
            pass
        return _claim(reply, claim.worker_id) if reply else None

    async def renew(self, worker_id: str, claims: Sequence[Claim]) -> set[str]:
        """Renews the leases of a worker's claims; gives the names of those it still owns."""
        own = [claim for claim in claims if claim.worker_id == worker_id]
        if not own:
            return set()
        fences = [part for claim in own for part in _fence(claim)]
        reply = cast("list[int]", await self._scripts.call(Script.RENEW, *fences))
        return {claim.name for claim, renewed in zip(own, reply, strict=True) if renewed}

    async def route(self, claim: Claim, *, model: str, keep: bool, reason: str = "") -> bool:
        """Writes which model reads the page.

        Args:
            claim: Of the page.
            model: An id; `auto` = the page is to be routed anew.
            keep: The claim goes on. Otherwise the page waits in the lane of `model`, this claim
                uncharged, and the claim is over.
            reason: Why `auto` chose it; later claims of the page tell it.

        Returns:
            False where the claim is stale; nothing has changed then.
        """
        return await self._scripts.call(Script.ROUTE, *_fence(claim), model, int(keep), reason) == 1

    async def unroute(self, lane: str) -> None:
        """Has the pages routed anew that wait in a lane because `auto` chose its model."""
        passed = 0
        while passed >= 0:
            passed = cast("int", await self._scripts.call(Script.UNROUTE, lane, passed))

    async def finish(self, claim: Claim, result_key: str, warnings: Sequence[str] = ()) -> bool:
        """Commits the result that lies under `result_key`; adds warnings to the job.

        Idempotent for the same claim and key. False where the claim is stale; nothing has changed
        then, and the blob is the sweeper's.
        """
        reply = await self._scripts.call(
            Script.FINISH, *_fence(claim), result_key, dump_texts(warnings)
        )
        return reply == 1

    async def fail(self, claim: Claim, problem: Problem, *, final: bool) -> FailOutcome:
        """Ends a claim without a result.

        The page is tried again after a wait, unless `final` says that this cannot help or its
        charged attempts are used up: then it fails, and with it the job where no page is left.
        """
        reply = await self._scripts.call(
            Script.FAIL, *_fence(claim), dump_problem(problem), int(final)
        )
        return FailOutcome(cast("bytes", reply).decode())

    async def release(self, claim: Claim, *, charge: bool) -> bool:
        """Hands a page back to its lane, where it is the next again; False = stale.

        Args:
            claim: Of the page.
            charge: Whether the attempt counts; False for a page that did nothing wrong.
        """
        return await self._scripts.call(Script.RELEASE, *_fence(claim), int(charge)) == 1

    async def reclaim_expired(self) -> int:
        """Takes back every page whose lease expired, and queues failed ones whose wait is over.

        Call it on a timer. Gives the number of leases that were taken back.
        """
        taken_back = 0
        while True:
            reply = await self._scripts.call(Script.RECLAIM, _RECLAIMED_AT_ONCE)
            looked_at, returned = cast("tuple[int, int]", reply)
            taken_back += returned
            if looked_at < _RECLAIMED_AT_ONCE:
                return taken_back


def _fence(claim: Claim) -> tuple[str, int, int]:
    return claim.job.id, claim.page_number, claim.attempt


def _claim(reply: object, worker_id: str) -> Claim:
    job, number, attempt, charged, model, left_s, reason = cast(
        "tuple[object, int, int, int, bytes, bytes, bytes]", reply
    )
    return Claim(
        job=decode_job(decode_fields(job)),
        page_number=number,
        attempt=attempt,
        charged=charged,
        model=model.decode(),
        worker_id=worker_id,
        left_s=float(left_s),
        route_reason=reason.decode(),
    )

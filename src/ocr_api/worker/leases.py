"""Keeps the claims of a worker alive, and stops the work whose claim was lost."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import anyio

from ocr_api.errors import StoreError
from ocr_api.jobs import Claim
from ocr_api.observability import get_logger
from ocr_api.store import Announcements, JobStore, Watch

_log = get_logger(__name__)


class Leases:
    """The claims on which this worker works right now.

    Args:
        store: Where leases are renewed.
        announcements: Tell when a job's work is to stop.
        worker_id: The claimer.
        interval_s: Seconds between renewals; a third of the lease leaves two misses.
    """

    def __init__(
        self, store: JobStore, announcements: Announcements, worker_id: str, interval_s: float
    ) -> None:
        self._store = store
        self._announcements = announcements
        self._news = Watch()
        self._worker_id = worker_id
        self._interval_s = interval_s
        self._patience_s = min(1.0, interval_s)
        self._held: dict[str, tuple[Claim, anyio.CancelScope]] = {}

    @property
    def count(self) -> int:
        """Pages in work."""
        return len(self._held)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims held now."""
        return tuple(claim for claim, _ in self._held.values())

    @contextmanager
    def held(self, claim: Claim) -> Generator[anyio.CancelScope]:
        """Renews the claim during the context; the scope is cancelled when the claim is lost."""
        stops = self._announcements.watching_stops(claim.job.id, self._news)
        with anyio.CancelScope() as scope, stops:
            self._held[claim.name] = (claim, scope)
            try:
                yield scope
            finally:
                del self._held[claim.name]

    async def keep(self) -> None:
        """Renews for ever, at once where a job was cancelled.

        An absent store is waited for, since only it can say what is lost.
        """
        while True:
            await self._news.changed(self._interval_s)
            try:
                await self._renew()
            except StoreError as exc:
                _log.warning("leases_not_renewed", code=exc.code, detail=exc.detail)
                await anyio.sleep(self._patience_s)

    async def _renew(self) -> None:
        claims = self.claims
        if not claims:
            return
        owned = await self._store.renew(self._worker_id, claims)
        for claim in claims:
            if claim.name not in owned and claim.name in self._held:
                _log.warning("claim_lost", claim=claim.name)
                self._held[claim.name][1].cancel()

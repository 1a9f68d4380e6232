"""What workers report."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from redis.asyncio import Redis

from ocr_api.store import keys
from ocr_api.store.commands import commands
from ocr_api.store.failures import redis_failures
from ocr_api.store.limits import WorkerReport
from ocr_api.store.records import decode_report, encode_report
from ocr_api.store.scripts import Script, Scripts

_REMEMBERED_S = 24 * 3600
_MOST_REMEMBERED = 100


class Workers:
    """The part of the store about workers."""

    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._commands = commands(redis)
        self._scripts = scripts

    async def report(self, worker: WorkerReport, ttl_s: float, *, is_news: bool = False) -> None:
        """Keeps a worker's heartbeat; it counts as live for `ttl_s` seconds.

        Args:
            worker: What it says.
            ttl_s: For so long.
            is_news: Whoever watches models is woken.
        """
        kept = (ttl_s, _REMEMBERED_S, _MOST_REMEMBERED, int(is_news))
        await self._scripts.call(Script.REPORT, worker.id, encode_report(worker), *kept)

    async def workers(self) -> list[WorkerReport]:
        """Gives the last reports of live workers, the latest first."""
        return await self._reports(live_only=True)

    async def last_reports(self) -> list[WorkerReport]:
        """Gives the last reports, of workers that are gone too, the latest first.

        Those of the last 24 h and at most 100: enough to know what can run here while no worker
        is up.
        """
        return await self._reports(live_only=False)

    async def remove_worker(self, worker_id: str) -> None:
        """Notes that a worker has gone; its last report is kept."""
        with redis_failures():
            await self._commands.zrem(keys.WORKERS_LIVE, worker_id)

    async def queue_lengths(self) -> dict[str, int]:
        """Gives how many pages are ready in each lane (those that wait to be retried are not)."""
        reply = cast("list[bytes | int]", await self._scripts.call(Script.QUEUE_LENGTHS))
        lanes = cast("list[bytes]", reply[::2])
        return {lane.decode(): int(length) for lane, length in zip(lanes, reply[1::2], strict=True)}

    async def _reports(self, *, live_only: bool) -> list[WorkerReport]:
        reply = await self._scripts.call(Script.REPORTS, int(live_only))
        flat = cast("list[bytes]", reply)
        return [
            replace(decode_report(report), seen_at=float(seen_at))
            for report, seen_at in zip(flat[::2], flat[1::2], strict=True)
        ]

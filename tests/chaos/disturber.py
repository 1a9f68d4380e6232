"""Carries disturbances out, and counts what it did."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator

import anyio
from anyio.abc import TaskGroup

from tests.chaos.ground import Ground
from tests.chaos.plan import Disturbance, Freeze, Kill, Outage


class Disturber:
    """Kills, freezes and cuts off.

    Args:
        ground: The service.
        seed: Chooses among several processes of a role.
    """

    def __init__(self, ground: Ground, seed: int) -> None:
        self._ground = ground
        self._chance = random.Random(f"{seed} processes")  # noqa: S311 - no secret
        self.done = Counter[str]()

    async def run(self, disturbances: Iterator[Disturbance]) -> None:
        """Goes on until cancelled or out of disturbances; leaves nothing frozen."""
        async with anyio.create_task_group() as tasks:
            for disturbance in disturbances:
                await anyio.sleep(disturbance.after_s)
                await self._act(disturbance.act, tasks)

    async def _act(self, act: Kill | Freeze | Outage, tasks: TaskGroup) -> None:
        match act:
            case Kill(role):
                if self._signal(role, signal.SIGKILL) is not None:
                    self.done[f"killed {role}"] += 1
            case Freeze():
                tasks.start_soon(self._freeze, act)
            case Outage():
                assert self._ground.proxy is not None
                self.done[f"outage: {act.kind}"] += 1
                await self._ground.proxy.suffer(act)

    async def _freeze(self, act: Freeze) -> None:
        pid = self._signal(act.role, signal.SIGSTOP)
        if pid is None:
            return
        self.done[f"frozen {act.role}"] += 1
        try:
            await anyio.sleep(act.seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _signal(self, role: str, number: int) -> int | None:
        """Sends a signal to one process of a role; gives its id, None where there is none now."""
        pids = self._ground.pids(role)
        if not pids:
            return None
        pid = self._chance.choice(sorted(pids))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            return pid
        return None

"""What the API says of models, moment by moment, held against the processes that there are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import anyio
import anyio.to_thread
import httpx

from tests.switching.ground import Ground
from tests.switching.run import log_lines

_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of the API: which models it said were loaded, and which might be either way."""

    asked_at: float
    answered_at: float
    loaded: frozenset[str]
    changing: frozenset[str]


@dataclass(slots=True)
class Lived:
    """When a model's process was there; `ended_at` = it was missed for the first time."""

    seen_at: float
    ended_at: float = float("inf")


@dataclass(slots=True)
class Watcher:
    """Looks at the API and at the processes, each again and again.

    Attributes:
        ground: The service.
        said: What the API said, in order.
        lived: The models' processes, by id.
    """

    ground: Ground
    said: list[Said] = field(default_factory=list[Said])
    lived: dict[int, Lived] = field(default_factory=dict[int, Lived])

    async def run(self) -> None:
        """Looks until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch_processes)
            tasks.start_soon(self._watch_api)

    def lies(self, late_s: float) -> Iterator[str]:
        """Gives what was said although it had been false for so long."""
        loaded = self._loaded_by_model()
        for said in self.said:
            for model in said.loaded:
                if not any(
                    began_at <= said.answered_at and life.ended_at >= said.asked_at - late_s
                    for began_at, life in loaded.get(model, ())
                ):
                    yield f"{model} was said to be loaded at {said.asked_at}"
            for model in loaded.keys() - said.loaded - said.changing:
                if any(
                    began_at <= said.asked_at - late_s
                    and life.ended_at >= said.answered_at + late_s
                    for began_at, life in loaded[model]
                ):
                    yield f"{model} was said not to be loaded at {said.asked_at}"

    def _loaded_by_model(self) -> Mapping[str, Sequence[tuple[float, Lived]]]:
        """Gives when each process had loaded its model, by the worker's log, and its life."""
        found: dict[str, list[tuple[float, Lived]]] = {}
        for line in log_lines(self.ground.log):
            if line["event"] == "model_loaded" and line["pid"] in self.lived:
                at = datetime.fromisoformat(line["timestamp"]).timestamp()
                found.setdefault(line["model"], []).append((at, self.lived[line["pid"]]))
        return found

    async def _watch_processes(self) -> None:
        while True:
            now = time.time()
            children = await anyio.to_thread.run_sync(self.ground.model_children)
            alive = {pid for pids in children.values() for pid in pids}
            for pid in alive:
                self.lived.setdefault(pid, Lived(now))
            for pid, life in self.lived.items():
                if pid not in alive:
                    life.ended_at = min(life.ended_at, now)
            await anyio.sleep(_LOOK_S)

    async def _watch_api(self) -> None:
        async with httpx.AsyncClient(base_url=self.ground.apis[0], trust_env=False) as client:
            while True:
                await self._ask(client)
                await anyio.sleep(_LOOK_S)

    async def _ask(self, client: httpx.AsyncClient) -> None:
        asked_at = time.time()
        models = (await client.get("/models")).raise_for_status().json()["models"]
        answered_at = time.time()
        states = {one["id"]: one["status"] for one in models if one["id"] != "auto"}
        loaded = frozenset(model for model, status in states.items() if status == "loaded")
        changing = frozenset(model for model, status in states.items() if status == "unloading")
        self.said.append(Said(asked_at, answered_at, loaded, changing))
        current = (await client.get("/models/current")).raise_for_status().json()
        listed = frozenset(model for worker in current["workers"] for model in worker["models"])
        if current["workers"]:
            self.said.append(Said(answered_at, time.time(), listed, changing))

"""When weights are fetched, when pages wait for them, and when they fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from ocr_api.catalog import ModelSpec, WeightsSource
from ocr_api.errors import ModelUnavailableError, StoreUnavailableError, WeightsDownloadError
from ocr_api.messages import WeightsFetched, WeightsProgress
from ocr_api.store import ModelReport
from ocr_api.weights import Found, Standing
from ocr_api.worker.weights_keeper import KeeperPlan, WeightsKeeper
from ocr_api.worker.weights_reports import with_weights

pytestmark = pytest.mark.anyio
SPEC = ModelSpec("tiny", "Tiny", "", "tests", weights=WeightsSource("maker/tiny"))
PLAIN = ModelSpec("plain", "Plain", "", "tests")
HERE = Standing(found=Found(Path("/weights")))
TO_COME = Standing(is_fetchable=True, note="They will be fetched.")
QUICK = KeeperPlan(look_s=0.01, first_wait_s=0.02, longest_wait_s=0.05, tries=3)


@dataclass
class World:
    """A folder, a hub and a queue, as simple as can be."""

    standing: Standing = TO_COME
    wanted: set[str] = field(default_factory=set)
    fetches: int = 0
    is_hub_down: bool = False
    is_store_away: bool = False
    gate: anyio.Event = field(default_factory=anyio.Event)

    def keeper(self) -> WeightsKeeper:
        return WeightsKeeper([SPEC, PLAIN], lambda _: self.standing, self.fetch, self.ask, QUICK)

    async def fetch(
        self, _: ModelSpec, on_progress: Callable[[WeightsProgress], None]
    ) -> WeightsFetched:
        self.fetches += 1
        on_progress(WeightsProgress(1, 10))
        if self.is_hub_down:
            raise WeightsDownloadError("The hub is away.")
        await self.gate.wait()
        self.standing = HERE
        return WeightsFetched("/weights", "a" * 40)

    async def ask(self) -> Collection[str]:
        if self.is_store_away:
            raise StoreUnavailableError("Away.")
        return self.wanted


@asynccontextmanager
async def running(keeper: WeightsKeeper) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keeper.run)
        yield
        tasks.cancel_scope.cancel()


async def eventually(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not holds():
            await anyio.sleep(0.005)


async def test_nothing_is_fetched_until_somebody_needs_it() -> None:
    world = World()
    keeper = world.keeper()
    async with running(keeper):
        await anyio.sleep(0.1)
        assert world.fetches == 0
        told = keeper.state("tiny")
        assert (told.status, told.reason, told.message) == ("not_found", "", TO_COME.note)
        assert not keeper.is_claimable("tiny")
        world.wanted.add("tiny")
        await eventually(lambda: keeper.state("tiny").status == "downloading")
        assert (keeper.state("tiny").done_bytes, keeper.state("tiny").total_bytes) == (1, 10)
        assert not keeper.is_claimable("tiny")
        world.gate.set()
        await eventually(lambda: keeper.is_claimable("tiny"))
    assert keeper.found("tiny") == HERE.found
    assert keeper.hindrance("tiny") == ""
    assert world.fetches == 1


async def test_what_was_asked_for_is_fetched_although_nobody_waits() -> None:
    world = World()
    world.gate.set()
    keeper = world.keeper()
    async with running(keeper):
        keeper.ask("tiny")
        await eventually(lambda: keeper.is_ready("tiny"))


async def test_model_without_weights_of_its_own_is_always_ready() -> None:
    keeper = World().keeper()
    await keeper.look()
    assert keeper.is_claimable("plain")
    assert keeper.state("plain").status == "ready"


async def test_pages_fail_only_when_the_tries_are_used_up() -> None:
    world = World(is_hub_down=True, wanted={"tiny"})
    keeper = world.keeper()
    async with running(keeper):
        await eventually(lambda: keeper.state("tiny").status == "failed")
        assert "The hub is away." in keeper.state("tiny").reason
        assert keeper.refusal("tiny") is None
        await eventually(lambda: keeper.refusal("tiny") is not None)
        assert world.fetches >= QUICK.tries
        assert isinstance(keeper.refusal("tiny"), WeightsDownloadError)
        assert keeper.is_claimable("tiny")  # so that its pages are taken, and fail
        world.is_hub_down = False
        world.wanted.clear()  # refused callers are none that wait
        world.gate.set()
        await eventually(lambda: keeper.is_ready("tiny"))
    assert keeper.refusal("tiny") is None


async def test_impossible_weights_refuse_pages_at_once() -> None:
    world = World(Standing(hindrance="Not here, and downloads are off."), wanted={"tiny"})
    keeper = world.keeper()
    await keeper.look()
    assert isinstance(keeper.refusal("tiny"), ModelUnavailableError)
    assert keeper.state("tiny").reason == "Not here, and downloads are off."
    async with running(keeper):
        await anyio.sleep(0.1)
        assert world.fetches == 0
        world.standing = HERE  # the operator has brought them
        await eventually(lambda: keeper.is_ready("tiny"))


async def test_keeper_outlives_the_store() -> None:
    world = World(is_store_away=True, wanted={"tiny"})
    world.gate.set()
    keeper = world.keeper()
    async with running(keeper):
        await anyio.sleep(0.05)
        assert world.fetches == 0
        world.is_store_away = False
        await eventually(lambda: keeper.is_ready("tiny"))


def test_waits_double_up_to_ten_minutes() -> None:
    plan = KeeperPlan()
    assert [plan.wait_s(failures) for failures in (1, 2, 3, 4, 5, 60)] == [
        *(60, 120, 240, 480, 600, 600)
    ]


async def test_report_tells_the_weights_where_nothing_else_hinders() -> None:
    world = World()
    keeper = world.keeper()
    await keeper.look()
    told = with_weights(ModelReport(), keeper.state("tiny"))
    assert (told.reason, told.status, told.message) == ("", "not_found", TO_COME.note)
    hindered = with_weights(ModelReport(reason="No GPU."), keeper.state("tiny"))
    assert (hindered.reason, hindered.status) == ("No GPU.", "not_found")


async def test_verified_weights_are_told_until_others_take_their_place() -> None:
    world = World(standing=Standing(found=Found(Path("/weights")), is_verified=True))
    keeper = world.keeper()
    await keeper.look()
    assert with_weights(ModelReport(loaded=1, status="loaded"), keeper.state("tiny")).verified
    assert not with_weights(ModelReport(reason="No GPU."), keeper.state("tiny")).verified
    assert not with_weights(ModelReport(), keeper.state("plain")).verified
    world.standing = HERE
    await keeper.look()
    assert not with_weights(ModelReport(loaded=1), keeper.state("tiny")).verified

"""The child that fetches weights: killed, resumed, and alone at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from ocr_api.catalog import ModelSpec, WeightsSource
from ocr_api.errors import ChildDiedError, WeightsDownloadError
from ocr_api.messages import WeightsFetched, WeightsProgress
from ocr_api.weights import WeightsPlaces, find
from ocr_api.worker.child_process import ChildCommand, ChildProcess
from ocr_api.worker.weights_download import download_command, fetch_weights
from tests.hub import FakeHub, model_files, running_hub

pytestmark = [pytest.mark.anyio, pytest.mark.processes]
REPO = "maker/tiny"
SIZE = 12_000_000
SPEC = ModelSpec("tiny", "Tiny", "", "tests", weights=WeightsSource(REPO))


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with running_hub() as running:
        running.add(REPO, model_files(SIZE))
        yield running


@pytest.fixture
def places(tmp_path: Path) -> WeightsPlaces:
    return WeightsPlaces(tmp_path / "models", tmp_path / "hub")


def command(hub: FakeHub) -> ChildCommand:
    return download_command({"HF_ENDPOINT": hub.url, "HOME": "/nowhere"}, 30)


class Told:
    """What was reported, and a way to wait for it."""

    def __init__(self) -> None:
        self.all: list[WeightsProgress] = []
        self._news = anyio.Event()

    def __call__(self, progress: WeightsProgress) -> None:
        self.all.append(progress)
        self._news.set()

    async def until(self, done_bytes: int) -> None:
        with anyio.fail_after(30):
            while not self.all or self.all[-1].done_bytes < done_bytes:
                self._news = anyio.Event()
                await self._news.wait()


@asynccontextmanager
async def fetching(hub: FakeHub, places: WeightsPlaces, told: Told) -> AsyncIterator[None]:
    """A download that is under way, and is killed (-9) at the end of the context."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fetch_weights, command(hub), SPEC, places, told)
        yield
        tasks.cancel_scope.cancel()


async def test_killed_download_goes_on_at_the_byte_where_it_ended(
    hub: FakeHub, places: WeightsPlaces
) -> None:
    hub.pace_s = 0.02
    told = Told()
    async with fetching(hub, places, told):
        await told.until(2_000_000)
    hub.pace_s = 0.0
    done = await fetch_weights(command(hub), SPEC, places, Told())
    _first, second = hub.content_requests("model.safetensors")
    assert int((second or "")[6:-1]) > 1_000_000
    weights = (Path(done.folder) / "model.safetensors").read_bytes()
    assert weights == model_files(SIZE)["model.safetensors"]
    assert hub.content_requests("config.json") == [None]  # whole files are not asked for again


async def test_two_workers_fetch_once_and_both_tell_how_far(
    hub: FakeHub, places: WeightsPlaces
) -> None:
    hub.pace_s = 0.01
    first, second = Told(), Told()
    found: list[WeightsFetched] = []

    async def fetch(told: Told) -> None:
        found.append(await fetch_weights(command(hub), SPEC, places, told))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fetch, first)
        await first.until(500_000)
        tasks.start_soon(fetch, second)
        await second.until(1_000_000)
    assert found[0] == found[1]
    assert hub.content_requests("model.safetensors") == [None]
    assert all(told.total_bytes for told in second.all[1:])


async def test_error_of_the_child_keeps_its_class(hub: FakeHub, places: WeightsPlaces) -> None:
    hub.repos.clear()
    with pytest.raises(WeightsDownloadError, match="has no maker/tiny"):
        await fetch_weights(command(hub), SPEC, places, Told())


async def test_token_goes_to_the_hub_and_other_secrets_do_not_reach_the_child(
    hub: FakeHub, places: WeightsPlaces
) -> None:
    hub.token = "hf_1"
    told = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_1", "WEBHOOK_SECRET": "x", "https_proxy": ""}
    passing = download_command(told, 30)
    assert set(passing.environment or ()) == {"HF_ENDPOINT", "HF_TOKEN", "https_proxy"}
    await fetch_weights(passing, SPEC, places, Told())
    assert await anyio.to_thread.run_sync(find, "tiny", WeightsSource(REPO), places)


async def test_child_for_downloads_ends_with_its_parent_end(hub: FakeHub) -> None:
    child = await ChildProcess.start(command(hub))
    await child.kill()
    assert not child.is_running


async def test_child_that_cannot_start_is_told(places: WeightsPlaces) -> None:
    broken = ChildCommand("ocr_api.child.no_such_process", environment={})
    with pytest.raises(ChildDiedError):
        await fetch_weights(broken, SPEC, places, Told())

"""Real children with the scripted engine."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest

from ocr_api.messages import ImageHeader, LoadModel, ReadPages
from ocr_api.pages import PageTraits
from ocr_api.worker.child_pool import ChildPool
from ocr_api.worker.child_process import ChildCommand, ChildProcess

MODEL_CHILD = ChildCommand("ocr_api.child.model_process")
WIDTH_PX, HEIGHT_PX = 8, 4

LoadedChild = Callable[..., Awaitable[ChildProcess]]


def pixels_file() -> int:
    """A memory file with a small page that is not blank."""
    descriptor = os.memfd_create("page")
    os.write(descriptor, bytes(WIDTH_PX * HEIGHT_PX))
    return descriptor


def read_request(**options: object) -> ReadPages:
    """Asks for that page to be read."""
    return ReadPages(
        (ImageHeader(WIDTH_PX, HEIGHT_PX, "L"),), (PageTraits(),), engine_options=options
    )


def load_request(settings: Mapping[str, object]) -> LoadModel:
    """Asks for the scripted engine."""
    return LoadModel("ocr_api.engines.scripted:ScriptedEngine", settings)


async def prepare(child: ChildProcess) -> None:
    """Loads the scripted engine into a fresh child."""
    _, files = await child.request(load_request({}), timeout_s=30)
    files.close()


@pytest.fixture
async def child() -> AsyncIterator[ChildProcess]:
    """A model child that runs the scripted engine."""
    started = await ChildProcess.start(MODEL_CHILD)
    await prepare(started)
    yield started
    await started.kill()


@pytest.fixture
async def pool() -> AsyncIterator[ChildPool]:
    """A pool of at most two such children."""
    made = ChildPool(MODEL_CHILD, size=2, prepare=prepare)
    yield made
    await made.close()

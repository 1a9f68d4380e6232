"""On a GPU, too, an unload gives back all that a model took, there and in the worker."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from ocr_api.worker.model_memory import free_gpu_mib
from tests.checkpoints.large_got import size_bytes, write_large_got
from tests.models.serving import page_bytes
from tests.service import is_running
from tests.switching.ground import running
from tests.switching.memory import cycling, is_back, tree_pss_mib

pytestmark = [pytest.mark.gpu, pytest.mark.anyio, pytest.mark.timeout(3600)]
_CYCLES = int(os.environ.get("CYCLES", "3"))
_MIB = 1 << 20
_OF_DRIVER = ("CUDA_", "NVIDIA_", "LD_LIBRARY_PATH")


async def free_mib() -> int:
    """What nvidia-smi calls free."""
    free = await anyio.to_thread.run_sync(free_gpu_mib)
    assert free is not None, "nvidia-smi does not tell"
    return free


async def come_back(start_mib: int) -> bool:
    """The driver frees what a process held a moment after its end."""
    for _ in range(50):
        if is_back(await free_mib(), start_mib):
            return True
        await anyio.sleep(0.1)
    return False


async def test_memory_of_the_gpu_comes_back_after_each_unload(tmp_path: Path) -> None:
    weights = write_large_got(tmp_path / "models" / "got")
    catalog = tmp_path / "own.toml"
    catalog.write_text("[models.got]\ninspect = false\nsettings = { max_new_tokens = 3 }\n")
    environment = {
        "CATALOG_FILE": str(catalog),
        "ALLOW_DOWNLOADS": "false",
        "MODELS_DIR": str(tmp_path / "models"),
        "HF_HOME": str(tmp_path / "hf"),
        "QUANTIZATION": "got:none",
        **{name: value for name, value in os.environ.items() if name.startswith(_OF_DRIVER)},
    }
    async with (
        running(tmp_path, environment, replicas=1, workers=1) as ground,
        cycling(ground, "got", page_bytes("got-invoice.png")) as cycles,
    ):
        gpu_mib, worker_mib = await free_mib(), tree_pss_mib(cycles.worker)
        for _ in range(_CYCLES):
            await cycles.load()
            assert gpu_mib - await free_mib() > size_bytes(weights) / _MIB
            (process,) = cycles.processes()
            await cycles.unload()
            assert not is_running(process)
            assert await come_back(gpu_mib)
            assert is_back(tree_pss_mib(cycles.worker), worker_mib)

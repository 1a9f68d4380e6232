"""After an unload the memory is back; `make memory-cycles` does it 30 times (CYCLES)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.checkpoints.large_got import size_bytes, write_large_got
from tests.models.serving import page_bytes
from tests.service import is_running, small_png
from tests.switching.ground import running
from tests.switching.memory import LoadCycles, cycling, is_back, tree_pss_mib
from tests.switching.papers import scripted_papers

pytestmark = [pytest.mark.anyio, pytest.mark.processes, pytest.mark.timeout(7200)]
_CYCLES = int(os.environ.get("CYCLES", "0"))
_GB = 1e9


async def comes_back(cycles: LoadCycles, count: int) -> float:
    """Loads and unloads so many times; gives the least that the loaded model took, in MiB."""
    start_mib = tree_pss_mib(cycles.worker)
    least_mib = float("inf")
    for number in range(count):
        await cycles.load()
        (process,) = cycles.processes()
        loaded_mib = tree_pss_mib(cycles.worker)
        await cycles.unload()
        after_mib = tree_pss_mib(cycles.worker)
        sys.stdout.write(
            f"{number + 1}: start {start_mib:.1f}, loaded {loaded_mib:.1f}, "
            f"unloaded {after_mib:.1f} MiB\n"
        )
        assert not is_running(process)
        assert cycles.processes() == []
        assert is_back(after_mib, start_mib)
        least_mib = min(least_mib, loaded_mib - start_mib)
    return least_mib


async def test_memory_comes_back_after_each_unload(tmp_path: Path) -> None:
    papers = scripted_papers(tmp_path)
    async with (
        running(tmp_path, papers.environment, replicas=1, workers=1) as ground,
        cycling(ground, papers.models[0], small_png()) as cycles,
    ):
        assert await comes_back(cycles, _CYCLES or 3) > 5


async def test_memory_of_a_model_of_more_than_1_gb_comes_back(tmp_path: Path) -> None:
    weights = write_large_got(tmp_path / "models" / "got")
    assert size_bytes(weights) > _GB
    catalog = tmp_path / "own.toml"
    catalog.write_text("[models.got]\ninspect = false\nsettings = { max_new_tokens = 3 }\n")
    environment = {
        "CATALOG_FILE": str(catalog),
        "CPU_MODELS": "true",
        "ALLOW_DOWNLOADS": "false",
        "MODELS_DIR": str(tmp_path / "models"),
        "HF_HOME": str(tmp_path / "hf"),
        "QUANTIZATION": "got:none",
        "MODEL_MEMORY_MIB": "16000",
    }
    async with (
        running(tmp_path, environment, replicas=1, workers=1) as ground,
        cycling(ground, "got", page_bytes("got-invoice.png")) as cycles,
    ):
        assert await comes_back(cycles, _CYCLES or 1) > _GB / (1 << 20)

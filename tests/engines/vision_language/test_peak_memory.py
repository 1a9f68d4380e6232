"""What a model takes at its peak, told with the pages that it read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocr_api.engines.vision_language.free_memory import forget_peak, peak_mib, taken_mib
from ocr_api.messages import ImageHeader, LoadModel, ModelLoaded, PagesRead, ReadPages
from ocr_api.pages import PageTraits
from ocr_api.worker.child_process import ChildCommand, ChildProcess

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
CHILD = ChildCommand(
    "ocr_api.child.model_process", environment={**os.environ, "OMP_NUM_THREADS": "1"}
)


def test_peak_is_remembered_until_it_is_forgotten() -> None:
    forget_peak("cpu")
    before = taken_mib("cpu")
    ballast = np.ones(200 << 20, np.uint8)
    del ballast
    assert (peak_mib("cpu") or 0) >= before + 150
    forget_peak("cpu")
    assert (peak_mib("cpu") or 0) < before + 100


@pytest.mark.anyio
async def test_small_checkpoint_tells_its_peak_with_each_batch() -> None:
    file = sorted((CHECKPOINTS / "pages").glob("*.png"))[0]
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB"))
    child = await ChildProcess.start(CHILD)
    descriptor = os.memfd_create("page")
    try:
        os.write(descriptor, pixels.tobytes())
        settings = {"folder": str(CHECKPOINTS / "qari"), "quantization": "none"}
        engine = "ocr_api.engines.vision_language.qari:QariEngine"
        more = {"batch_pages": 4, "max_new_tokens": 20}
        loaded, _ = await child.request(LoadModel(engine, {**settings, **more}), timeout_s=60)
        assert isinstance(loaded, ModelLoaded)
        header = ImageHeader(pixels.shape[1], pixels.shape[0], "RGB")
        peaks: list[int] = []
        for count in (1, 4):
            request = ReadPages((header,) * count, (PageTraits(),) * count)
            read, _ = await child.request(request, [descriptor] * count, timeout_s=60)
            assert isinstance(read, PagesRead)
            assert read.peak_mib is not None
            peaks.append(read.peak_mib)
        assert loaded.memory_mib <= peaks[0] <= peaks[1]
        assert peaks[1] > loaded.memory_mib
    finally:
        os.close(descriptor)
        await child.kill()

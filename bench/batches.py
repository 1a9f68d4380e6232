"""Pages that a model reads four together against one at a time.

The small trained checkpoints read pages of their own to the end; GOT at its published size, with
random weights, reads noise and writes so many tokens a page.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.extent import Extent

TOGETHER = 4
"""Pages of a batch."""

_CHECKPOINT_PAGES = Path(__file__).parent.parent / "tests" / "checkpoints" / "pages"
_SMALL_TOKENS = 160
_SMALL_PAGES = 3 * TOGETHER
_OTHERS = ("endless", "tall")
"""Pages that never end, or are read in pieces."""

_MODELS = ("got", "qari", "deepseek")
_PUBLISHED = "got"


def measure_batches(extent: Extent) -> dict[str, object]:
    """Gives for each model the seconds of a page alone and among four, by round."""
    models = _MODELS if extent.is_whole else _MODELS[:1]
    figures: dict[str, object] = {}
    for name in models:
        told = (name, "cpu", _SMALL_TOKENS, extent.rounds, TOGETHER, *_pages(name))
        figures[f"{name}, small checkpoint"] = _run(*told)
    if extent.is_whole:
        took = _run(_PUBLISHED, extent.device, extent.tokens, extent.readings, TOGETHER)
        figures[f"{_PUBLISHED}, published size"] = took
    return {
        "device": extent.device,
        "tokens": extent.tokens,
        "models": figures,
    }


def _run(*arguments: object) -> Mapping[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.models.batch_read", *map(str, arguments)],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _pages(name: str) -> Sequence[str]:
    """Gives the first pages of a checkpoint that it reads in one piece, to an end."""
    found = sorted(_CHECKPOINT_PAGES.glob(f"{name}-*.png"))
    return [str(page) for page in found if not page.stem.endswith(_OTHERS)][:_SMALL_PAGES]

"""Engines called directly, as one calls them: RapidOCR in a process of its own."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from rapidocr import RapidOCR


def read_rapidocr(path: Path, *, turns_lines: bool) -> str:
    """Reads one page and gives its lines, in the order in which they are found.

    Args:
        path: The picture.
        turns_lines: Whether the classifier that turns lines over is used, as by default.
    """
    found = _rapidocr(turns_lines=turns_lines)(str(path))
    return "\n".join(found.txts or ())


@cache
def _rapidocr(*, turns_lines: bool) -> Any:
    """Loaded once in each process."""
    threads = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
    told = {f"EngineConfig.onnxruntime.{name}": count for name, count in threads.items()}
    told["Global.use_cls"] = turns_lines
    return RapidOCR(params={"Global.log_level": "critical", **told})

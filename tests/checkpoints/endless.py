"""A checkpoint that never ends an answer, however it is loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

_FOLDER = Path(__file__).parent
_END = "<｜end▁of▁sentence｜>"  # noqa: RUF001 (so published)


def write_endless(folder: Path) -> None:
    """Copies DeepSeek's small checkpoint into a new folder, its end token made unlikely.

    It reads a page as ever and goes on with nonsense, which seldom repeats itself, up to the token
    limit: its weights say so, so that no way of generating ends it.
    """
    shutil.copytree(_FOLDER / "deepseek", folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    (end,) = [token["id"] for token in tokenizer["added_tokens"] if token["content"] == _END]
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"][end] *= -1
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

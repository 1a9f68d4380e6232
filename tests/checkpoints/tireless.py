"""A checkpoint that never ends an answer: for time limits, token limits and cancelling."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

_FOLDER = Path(__file__).parent
_ENDS = ("<|im_end|>", "<|endoftext|>", "<｜end▁of▁sentence｜>")  # noqa: RUF001 (so published)


def write_tireless(name: str, folder: Path) -> None:
    """Copies `got`, `qari` or `deepseek` into a new folder, forbidden to write an end token.

    It reads a page as ever and goes on from there, up to the token limit.
    """
    shutil.copytree(_FOLDER / name, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text("utf-8"))
    settings["suppress_tokens"] = [
        token["id"] for token in tokenizer["added_tokens"] if token["content"] in _ENDS
    ]
    path.write_text(json.dumps(settings, indent=2) + "\n", "utf-8")

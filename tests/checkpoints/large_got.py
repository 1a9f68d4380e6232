"""A GOT checkpoint of more than 1 GB with random weights: it loads and runs, and reads nothing.

The picture's part is the small checkpoint's, so that a page takes few tokens; the text decoder
holds the weights.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration

from tests.checkpoints.reading import FOLDER

_SMALL = FOLDER / "got"
_DECODER = {
    "hidden_size": 2048,
    "intermediate_size": 5504,
    "num_hidden_layers": 11,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "layer_types": ["full_attention"] * 11,
}
"""0.56 B parameters in 16 bits."""
_SPREAD = 0.02


def write_large_got(folder: Path) -> Path:
    """Writes the checkpoint into a folder that is made; gives the folder."""
    told = json.loads((_SMALL / "config.json").read_text("utf-8"))
    told["text_config"] |= _DECODER
    config = GotOcr2Config.from_dict(told)
    with torch.device("meta"):
        model: Any = GotOcr2ForConditionalGeneration(config)
    model = model.to(torch.bfloat16).to_empty(device="cpu")
    model.tie_weights()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-_SPREAD, _SPREAD)
    others = shutil.ignore_patterns("*.safetensors", "config.json")
    shutil.copytree(_SMALL, folder, ignore=others)
    model.save_pretrained(folder)
    shutil.copy(_SMALL / "generation_config.json", folder)
    return folder


def size_bytes(folder: Path) -> int:
    """Gives the size of its weights."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))

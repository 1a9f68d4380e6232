"""Loads one model with transformers alone, in a process of its own; prints JSON.

`python -m bench.models.bare_load <name> <folder> <quantization> <device> <ignored>`.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from typing import Any

import torch
import transformers

from bench.models.own_memory import memory_of_self

_SKIPPED = {
    "got": ["model.vision_tower", "model.multi_modal_projector", "lm_head"],
    "qari": ["model.visual", "lm_head"],
    "deepseek": ["model.vision_tower", "model.multi_modal_projector", "lm_head"],
}

_MODULES = {
    "got": "got_ocr2.modeling_got_ocr2",
    "qari": "qwen2_vl.modeling_qwen2_vl",
    "deepseek": "deepseek_ocr2.modeling_deepseek_ocr2",
}


def main() -> None:
    """Measures and prints."""
    name, folder, quantization, device = sys.argv[1:5]
    options: dict[str, Any] = {}
    library: Any = transformers
    if quantization == "8bit":
        options["quantization_config"] = library.BitsAndBytesConfig(
            load_in_8bit=True, llm_int8_skip_modules=_SKIPPED[name]
        )
    elif quantization == "4bit":
        options["quantization_config"] = library.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=torch.bfloat16,
            llm_int8_skip_modules=_SKIPPED[name],
        )
    # neither the context nor imports are part of loading
    import_module("bitsandbytes")
    import_module(f"transformers.models.{_MODULES[name]}")
    if device == "cuda":
        torch.zeros(1, device="cuda")
    started = time.perf_counter()
    model = library.AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.bfloat16, device_map={"": device}, **options
    )
    told = {"load_s": time.perf_counter() - started, **memory_of_self(device)}
    told["parameters"] = model.num_parameters()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()

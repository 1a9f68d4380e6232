"""Loads a small checkpoint and reads its pages: processor, `generate`, decoding."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig

from tests.checkpoints.asking import MARKDOWN, ImagesOnlyQwen2VLProcessor, ask

FOLDER = Path(__file__).parent
PAGES = FOLDER / "pages"
MODELS = ("got", "qari", "deepseek")
_WHOLE = {
    "got": ("model.vision_tower", "model.multi_modal_projector", "lm_head"),
    "qari": ("model.visual", "lm_head"),
    "deepseek": ("model.vision_tower", "model.multi_modal_projector", "lm_head"),
}
"""What quantization leaves as it is, by full path: bare names are ignored."""
_MOST_TOKENS = 160


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded small checkpoint."""

    name: str
    model: Any
    processor: Any

    def read(self, files: Sequence[str], mode: str, most_tokens: int = _MOST_TOKENS) -> list[str]:
        """The answers to these pages, read as one batch."""
        inputs = ask(self.name, self.processor, [open_page(file) for file in files], mode)
        inputs["pixel_values"] = inputs["pixel_values"].to(self.model.dtype)
        if "pixel_values_local" in inputs:
            inputs["pixel_values_local"] = inputs["pixel_values_local"].to(self.model.dtype)
        ending: dict[str, Any] = {}
        if self.name == "got":  # as published, its end token isn't that of a chat's turn
            ending = {"stop_strings": "<|im_end|>", "tokenizer": self.processor.tokenizer}
        with torch.inference_mode():
            ids = self.model.generate(
                **inputs, do_sample=False, max_new_tokens=most_tokens, **ending
            )
        return self._decode(ids[:, inputs["input_ids"].shape[1] :], mode)

    def _decode(self, ids: Any, mode: str) -> list[str]:
        tokenizer = self.processor.tokenizer
        if self.name != "deepseek" or mode != MARKDOWN:
            return list(tokenizer.batch_decode(ids, skip_special_tokens=True))
        ends = (tokenizer.eos_token, tokenizer.pad_token)
        answers = tokenizer.batch_decode(ids, skip_special_tokens=False)
        return [answer.replace(ends[0], "").replace(ends[1], "") for answer in answers]


def load(name: str, quantization: str = "none", folder: Path | None = None) -> Checkpoint:
    """A checkpoint on the processor, in bf16 or quantized (`8bit`, `4bit`), or a copy of it."""
    folder = folder or FOLDER / name
    processors: Any = ImagesOnlyQwen2VLProcessor if name == "qari" else AutoProcessor
    model: Any = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.bfloat16, quantization_config=_quantized(name, quantization)
    )
    return Checkpoint(name, model.eval(), processors.from_pretrained(folder))


def texts(name: str) -> Mapping[str, Mapping[str, str]]:
    """What a checkpoint answers: `{mode: {file: text}}`."""
    told: dict[str, dict[str, dict[str, str]]] = json.loads(
        (FOLDER / "texts.json").read_text("utf-8")
    )
    return told[name]


def open_page(file: str) -> Image.Image:
    """A page as RGB."""
    with Image.open(PAGES / file) as image:
        return image.convert("RGB")


def _quantized(name: str, quantization: str) -> BitsAndBytesConfig | None:
    whole = list(_WHOLE[name])
    if quantization == "8bit":
        return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_8bit=True, llm_int8_skip_modules=whole
        )
    if quantization == "4bit":
        return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=torch.bfloat16,
            llm_int8_skip_modules=whole,
        )
    return None

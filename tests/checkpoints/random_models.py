"""Model folders of three more architectures, made on the fly, with random weights.

They answer nonsense, but they are loaded, asked and decoded as published models of their class
are: LightOnOCR, PaddleOCR-VL, and Idefics3, which Granite-Docling and SmolDocling are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
    LightOnOcrConfig,
    LightOnOcrForConditionalGeneration,
    LightOnOcrProcessor,
    PaddleOCRVLConfig,
    PaddleOCRVLForConditionalGeneration,
    PaddleOCRVLProcessor,
)
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.paddleocr_vl.image_processing_pil_paddleocr_vl import (
    PaddleOCRVLImageProcessorPil,
)
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil

from tests.checkpoints.tokens import make_tokenizer

_END = "<|im_end|>"
_TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- for part in message.content %}
{{- IMAGE if part.type == 'image' else part.text }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
_WRITING: Mapping[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 4096,
}
_SEEING: Mapping[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "patch_size": 14,
}


def write_lighton_ocr(folder: Path) -> None:
    """LightOnOCR: a Pixtral eye (any size and shape) and a Qwen3 text model."""
    tokenizer = _tokenizer(
        named={
            "image_token": "<|image_pad|>",
            "image_break_token": "<|vision_pad|>",
            "image_end_token": "<|vision_end|>",
        }
    )
    images = PixtralImageProcessorPil(size={"longest_edge": 280}, patch_size=14)
    processor = LightOnOcrProcessor(
        images, tokenizer, chat_template=_template("<|image_pad|>"), patch_size=14
    )
    config = LightOnOcrConfig(
        vision_config={**_SEEING, "model_type": "pixtral", "head_dim": 16, "image_size": 280},
        text_config={**_WRITING, **_ends(tokenizer), "model_type": "qwen3"},
        tie_word_embeddings=False,
        image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
    )
    _write(folder, LightOnOcrForConditionalGeneration, config, processor)


def write_paddleocr_vl(folder: Path) -> None:
    """PaddleOCR-VL: an eye for any size and shape, and an Ernie text model."""
    marks = ("<|IMAGE_START|>", "<|IMAGE_END|>", "<|VIDEO_PLACEHOLDER|>")
    tokenizer = _tokenizer(*marks, named={"image_token": "<|IMAGE_PLACEHOLDER|>"})
    ids = tokenizer.convert_tokens_to_ids(list(marks))
    images = PaddleOCRVLImageProcessorPil(
        size={"shortest_edge": 56 * 56, "longest_edge": 280 * 280}
    )
    processor = PaddleOCRVLProcessor(  # type: ignore[no-untyped-call]
        images,
        tokenizer,
        chat_template=_template("<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>"),
    )
    rotation = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2]}
    config = PaddleOCRVLConfig(
        vision_config={**_SEEING, "image_size": 280},
        text_config={**_WRITING, **_ends(tokenizer), "rope_parameters": rotation},
        image_token_id=tokenizer.convert_tokens_to_ids("<|IMAGE_PLACEHOLDER|>"),
        vision_start_token_id=ids[0],
        vision_end_token_id=ids[1],
        tie_word_embeddings=False,
        video_token_id=ids[2],
    )
    _write(folder, PaddleOCRVLForConditionalGeneration, config, processor)


def write_idefics3(folder: Path) -> None:
    """Idefics3: a page as square pieces and a whole, and a Llama text model."""
    places = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    marks = ("<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>")
    tokenizer = _tokenizer(*marks, *places)
    images = Idefics3ImageProcessorPil(
        size={"longest_edge": 112}, max_image_size={"longest_edge": 56}
    )
    processor = Idefics3Processor(
        images, tokenizer, image_seq_len=4, chat_template=_template("<image>")
    )
    config = Idefics3Config(
        vision_config={**_SEEING, "image_size": 56},
        text_config={**_WRITING, **_ends(tokenizer), "model_type": "llama"},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    _write(folder, Idefics3ForConditionalGeneration, config, processor)


RANDOM_MODELS: Mapping[str, Callable[[Path], None]] = {
    "lighton-ocr": write_lighton_ocr,
    "paddleocr-vl": write_paddleocr_vl,
    "idefics3": write_idefics3,
}


def _tokenizer(*marks: str, named: Mapping[str, str] | None = None) -> Any:
    return make_tokenizer(
        ["user\n", "assistant\n"],
        ["<|im_start|>", _END, *marks],
        {"eos_token": _END, "pad_token": "<|endoftext|>", **(named or {})},
        size=300,
    )


def _template(image: str) -> str:
    return _TEMPLATE.replace("IMAGE", f"'{image}'")


def _ends(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _write(folder: Path, architecture: Any, config: Any, processor: Any) -> None:
    torch.manual_seed(0)
    model = architecture(config)
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    model.to(torch.bfloat16).save_pretrained(folder)
    processor.save_pretrained(folder)

"""Qwen2-VL, small: what QARI is made of; pages keep their size and shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from ocr_api.engines.vision_language.qari import PROMPT
from tests.checkpoints.asking import ImagesOnlyQwen2VLProcessor
from tests.checkpoints.tokens import make_tokenizer
from tests.checkpoints.train.lessons import Pupil
from tests.checkpoints.train.sheets import ENDLESS_WORD

_LEAST_PIXELS, _MOST_PIXELS = 56 * 56, 280 * 224
_SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
_SYSTEM = "You are a helpful assistant."
_TEMPLATE = (
    """\
{%- for message in messages %}
{%- if loop.first and message.role != 'system' %}
{{- '<|im_start|>system\\n"""
    + _SYSTEM
    + """<|im_end|>\\n' }}
{%- endif %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.content is string %}
{{- message.content }}
{%- else %}
{%- for part in message.content %}
{{- '<|vision_start|><|image_pad|><|vision_end|>' if part.type == 'image' else part.text }}
{%- endfor %}
{%- endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
)
"""Answers as the template of Qwen2-VL does for texts and single images."""


def make() -> Pupil:
    """An untrained model with its processor."""
    tokenizer: Any = make_tokenizer(
        [f"system\n{_SYSTEM}\n", "user\n", "assistant\n", PROMPT, f" {ENDLESS_WORD}"],
        _SPECIAL,
        {"pad_token": "<|endoftext|>", "eos_token": "<|im_end|>"},
        size=490,
    )
    images = Qwen2VLImageProcessorPil(min_pixels=_LEAST_PIXELS, max_pixels=_MOST_PIXELS)
    processor = ImagesOnlyQwen2VLProcessor(images, tokenizer, chat_template=_TEMPLATE)
    model: Any = Qwen2VLForConditionalGeneration(_config(tokenizer))
    end, pad = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    model.generation_config.eos_token_id = [end, pad]
    model.generation_config.pad_token_id = pad
    return Pupil(
        name="qari",
        model=model,
        processor=processor,
        ending="<|im_end|>",
        image_token_id=model.config.image_token_id,
        steps=700,
        whole=("model.visual", "lm_head"),
    )


def finish(folder: Path) -> None:
    """Names the published processor class instead of the one without videos."""
    for name in ("processor_config.json", "tokenizer_config.json"):
        path = folder / name
        settings = json.loads(path.read_text("utf-8"))
        settings["processor_class"] = "Qwen2VLProcessor"
        path.write_text(json.dumps(settings, indent=2) + "\n", "utf-8")


def _config(tokenizer: Any) -> Qwen2VLConfig:
    ids = dict(zip(_SPECIAL, tokenizer.convert_tokens_to_ids(list(_SPECIAL)), strict=True))
    writing = {
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 8192,
        # sections in time, height and width add up to half of a head's 32
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1e4,
            "mrope_section": [6, 5, 5],
        },
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "tie_word_embeddings": True,
    }
    seeing = {
        "depth": 2,
        "embed_dim": 64,
        "hidden_size": 128,
        "num_heads": 4,
        "mlp_ratio": 2,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }
    return Qwen2VLConfig(
        text_config=writing,
        vision_config=seeing,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )

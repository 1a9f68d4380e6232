"""DeepSeek-OCR-2, small: pages of 256 pixels a side, larger ones with tiles besides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    DeepseekOcr2Config,
    DeepseekOcr2ForConditionalGeneration,
    DeepseekOcr2Processor,
)
from transformers.models.deepseek_ocr2.image_processing_pil_deepseek_ocr2 import (
    DeepseekOcr2ImageProcessorPil,
)

from ocr_api.engines.vision_language.deepseek import LAYOUT_PROMPT, TEXT_PROMPT
from tests.checkpoints.tokens import make_tokenizer
from tests.checkpoints.train.lessons import Pupil
from tests.checkpoints.train.sheets import ENDLESS_WORD

_SIDE_PX = 256
_DOWNSAMPLE = 4
_QUERY_SIDE = 12
"""The model has 144 (12 x 12) queries for a view or tile, whatever its pixels."""
_BOS, _EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"  # noqa: RUF001 (so published)
_PAD = "<｜▁pad▁｜>"  # noqa: RUF001
_SPECIAL = ("<image>", "<|grounding|>", "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>")


def make() -> Pupil:
    """An untrained model with its processor."""
    tokenizer = make_tokenizer(
        [TEXT_PROMPT, LAYOUT_PROMPT, f" {ENDLESS_WORD}"],
        _SPECIAL,
        {"bos_token": _BOS, "eos_token": _EOS, "pad_token": _PAD},
        size=330,
    )
    processor: Any = DeepseekOcr2Processor(  # type: ignore[no-untyped-call]
        image_processor=DeepseekOcr2ImageProcessorPil(
            size={"height": _SIDE_PX, "width": _SIDE_PX}, tile_size=_SIDE_PX
        ),
        tokenizer=tokenizer,
        patch_size=_SIDE_PX / _QUERY_SIDE / _DOWNSAMPLE,
        downsample_ratio=_DOWNSAMPLE,
    )
    model: Any = DeepseekOcr2ForConditionalGeneration(_config(tokenizer))
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    _wake(model)
    return Pupil(
        name="deepseek",
        model=model,
        processor=processor,
        ending=_EOS,
        image_token_id=model.config.image_token_id,
        steps=700,
        whole=("model.vision_tower", "model.multi_modal_projector", "lm_head"),
    )


def finish(folder: Path) -> None:
    """Nothing is missing from what the library saves."""


def _wake(model: Any) -> None:
    """Starts the small vision tower with larger weights: with the usual ones it learns nothing."""
    with torch.no_grad():
        model.model.vision_tower.sam_encoder.pos_embed.normal_(0, 0.2)
        for path, module in model.model.vision_tower.named_modules():
            if isinstance(module, nn.Conv2d) and "patch_embed" not in path:
                nn.init.kaiming_normal_(module.weight)
        model.model.multi_modal_projector.weight.normal_(0, 0.12)


def _config(tokenizer: Any) -> DeepseekOcr2Config:
    sam = {
        "hidden_size": 64,
        "output_channels": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "global_attn_indexes": [1],
        "window_size": 8,
        "initializer_range": 0.02,
        "downsample_channels": [48, 64],
        "image_size": _SIDE_PX,
        "patch_size": 16,
    }
    encoder = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "initializer_range": 0.12,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "vocab_size": 8,
    }
    writing = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "initializer_range": 0.08,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_position_embeddings": 8192,
        "n_routed_experts": 4,
        "n_shared_experts": 1,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 64,
        "mlp_layer_types": ["dense", "sparse"],
        "n_group": 1,
        "topk_group": 1,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return DeepseekOcr2Config(
        vision_config={"sam_config": sam, "encoder_config": encoder},
        text_config=writing,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )

"""GOT-OCR 2.0, small: pages of 128 x 128 pixels become 16 image tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration, GotOcr2Processor
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

from tests.checkpoints.tokens import make_tokenizer
from tests.checkpoints.train.lessons import Pupil
from tests.checkpoints.train.sheets import ENDLESS_WORD

_SIDE_PX, _PATCH_PX = 128, 8
_IMAGE_TOKENS = (_SIDE_PX // _PATCH_PX // 4) ** 2
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<imgpad>")
_PROMPTS = (
    "system\nYou should follow the instructions carefully and explain your answers in detail.",
    "user\n",
    " OCR: ",
    " OCR with format: ",
    "assistant\n",
    f" {ENDLESS_WORD}",
)


def make() -> Pupil:
    """An untrained model with its processor."""
    tokenizer = make_tokenizer(
        _PROMPTS,
        _SPECIAL,
        {"pad_token": "<|endoftext|>", "eos_token": "<|endoftext|>"},
        size=400,
    )
    images = GotOcr2ImageProcessorPil(size={"height": _SIDE_PX, "width": _SIDE_PX})
    processor: Any = GotOcr2Processor(  # type: ignore[no-untyped-call]
        image_processor=images, tokenizer=tokenizer
    )
    processor.num_image_tokens = _IMAGE_TOKENS
    model: Any = GotOcr2ForConditionalGeneration(_config(tokenizer))
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    model.generation_config.eos_token_id = end
    model.generation_config.pad_token_id = end
    with torch.no_grad():
        model.model.vision_tower.pos_embed.normal_(0, 0.2)
    return Pupil(
        name="got",
        model=model,
        processor=processor,
        ending="<|im_end|>",
        image_token_id=model.config.image_token_index,
        steps=700,
        whole=("model.vision_tower", "model.multi_modal_projector", "lm_head"),
    )


def finish(folder: Path) -> None:
    """Writes the number of image tokens, which the processor reads but doesn't save."""
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text("utf-8"))
    settings["num_image_tokens"] = _IMAGE_TOKENS
    path.write_text(json.dumps(settings, indent=2) + "\n", "utf-8")


def _config(tokenizer: Any) -> GotOcr2Config:
    seeing = {
        "hidden_size": 64,
        "output_channels": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": _SIDE_PX,
        "patch_size": _PATCH_PX,
        "window_size": 8,
        "global_attn_indexes": [1],
        "use_rel_pos": True,
        "mlp_dim": 128,
        "initializer_range": 0.02,
    }
    writing = {
        "model_type": "qwen2",
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    return GotOcr2Config(
        vision_config=seeing,
        text_config=writing,
        image_token_index=tokenizer.convert_tokens_to_ids("<imgpad>"),
        image_seq_length=_IMAGE_TOKENS,
        tie_word_embeddings=True,
    )

"""DeepSeek-OCR v1 runs in the classes of its twin: names, shapes, and a whole reading."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import UnlimitedOcrForConditionalGeneration
from transformers.core_model_loading import revert_weight_conversion

from ocr_api.engines.base import ReadOptions
from ocr_api.engines.vision_language.deepseek_v1 import (
    DeepSeekV1Engine,
    V1Processor,
    twin_config,
)
from tests.checkpoints.tokens import make_tokenizer
from tests.engines.pages import page_of, written

PUBLISHED = {
    "model_type": "deepseek_vl_v2",
    "architectures": ["DeepseekOCRForCausalLM"],
    "language_config": {
        "vocab_size": 129280,
        "hidden_size": 1280,
        "intermediate_size": 6848,
        "num_hidden_layers": 12,
        "num_attention_heads": 10,
        "num_key_value_heads": 10,
        "n_routed_experts": 64,
        "n_shared_experts": 2,
        "num_experts_per_tok": 6,
        "moe_intermediate_size": 896,
        "first_k_dense_replace": 1,
        "topk_method": "greedy",
        "use_mla": False,
        "kv_lora_rank": None,
    },
}
SHAPES = {
    "model.sam_model.patch_embed.proj.weight": (768, 3, 16, 16),
    "model.sam_model.pos_embed": (1, 64, 64, 768),
    "model.sam_model.blocks.0.attn.qkv.weight": (2304, 768),
    "model.sam_model.blocks.2.attn.rel_pos_h": (127, 64),
    "model.sam_model.blocks.0.attn.rel_pos_w": (27, 64),
    "model.sam_model.blocks.11.mlp.lin1.weight": (3072, 768),
    "model.sam_model.neck.0.weight": (256, 768, 1, 1),
    "model.sam_model.net_2.weight": (512, 256, 3, 3),
    "model.sam_model.net_3.weight": (1024, 512, 3, 3),
    "model.vision_model.embeddings.position_embedding.weight": (257, 1024),
    "model.vision_model.transformer.layers.23.self_attn.qkv_proj.weight": (3072, 1024),
    "model.vision_model.transformer.layers.0.mlp.fc1.weight": (4096, 1024),
    "model.projector.layers.weight": (1280, 2048),
    "model.image_newline": (1280,),
    "model.view_seperator": (1280,),
    "model.embed_tokens.weight": (129280, 1280),
    "model.layers.0.mlp.gate_proj.weight": (6848, 1280),
    "model.layers.1.mlp.gate.weight": (64, 1280),
    "model.layers.11.mlp.experts.63.down_proj.weight": (1280, 896),
    "model.layers.11.mlp.shared_experts.up_proj.weight": (1792, 1280),
    "model.layers.11.self_attn.q_proj.weight": (1280, 1280),
    "model.norm.weight": (1280,),
    "lm_head.weight": (129280, 1280),
}
"""As published: SAM-ViT-B, CLIP-L/14, one linear projector, a decoder of 12 layers."""


@pytest.fixture(scope="module")
def published_tensors() -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        model: Any = UnlimitedOcrForConditionalGeneration(twin_config(PUBLISHED))
    saved = revert_weight_conversion(model, model.state_dict())
    return {name: tuple(tensor.shape) for name, tensor in saved.items()}


def test_names_and_shapes_are_the_published_ones(
    published_tensors: dict[str, tuple[int, ...]],
) -> None:
    assert SHAPES.items() <= published_tensors.items()


def test_vision_has_as_many_tensors_as_published(
    published_tensors: dict[str, tuple[int, ...]],
) -> None:
    clip = re.compile(r"model\.vision_model\.transformer\.layers\.\d+\.")

    assert sum(clip.match(name) is not None for name in published_tensors) == 24 * 12


def test_decoder_attends_to_everything() -> None:
    text: Any = twin_config(PUBLISHED).text_config

    assert set(text.layer_types) == {"full_attention"}
    assert text.mlp_layer_types == ["dense"] + ["sparse"] * 11


@pytest.mark.parametrize(
    ("picture_px", "max_patches", "size", "tokens"),
    [
        (512, 0, (2000, 1000), 8 * 9 + 1),
        (640, 0, (2000, 1000), 10 * 11 + 1),
        (1024, 0, (2000, 1000), 16 * 17 + 1),
        (1280, 0, (2000, 1000), 20 * 21 + 1),
        (1024, 9, (600, 600), 16 * 17 + 1),
        (1024, 9, (1280, 640), 16 * 17 + 1 + 10 * 21),
    ],
)
def test_every_picture_gets_the_tokens_of_its_mode(
    picture_px: int, max_patches: int, size: tuple[int, int], tokens: int
) -> None:
    processor = V1Processor(
        _tokenizer(), picture_px=picture_px, tile_px=640, max_patches=max_patches
    )

    inputs = processor(Image.new("RGB", size), "\nFree OCR.")

    assert int((inputs["input_ids"] == 128815).sum()) == tokens
    assert inputs["input_ids"][0, 0] == 0
    crops = inputs.get("pixel_values_local")
    assert inputs["num_local_patches"] == [0 if crops is None else len(crops)]


def test_small_model_of_the_published_layout_reads(tmp_path: Path) -> None:
    """Loaded under `deepseek_vl_v2`, from per-expert tensors, quantized, in a batch."""
    torch.set_num_threads(1)
    _write_small(tmp_path)
    engine = DeepSeekV1Engine(
        {
            "folder": str(tmp_path),
            "quantization": "4bit",
            "batch_pages": 2,
            "max_new_tokens": 6,
            "picture_px": 128,
            "tile_px": 64,
            "max_patches": 4,
        }
    )
    footprint = engine.load()

    texts = engine.read(
        [page_of(written("Some words", width_px=width)) for width in (300, 600)],
        options=ReadOptions(prompt_mode="layout"),
        on_text=lambda _index, _text: None,
        should_stop=lambda _index: False,
    )

    assert footprint.quantization == "4bit"
    assert (footprint.quantized_share or 0) > 0
    assert len(texts) == 2


def _tokenizer() -> Any:
    return make_tokenizer(
        ["\nFree OCR."],
        ["<image>", "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|grounding|>"],
        {"eos_token": "</s>", "pad_token": "<pad>", "bos_token": "<s>"},
        size=300,
    )


def _write_small(folder: Path) -> None:
    decoder = {
        "vocab_size": 128820,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "n_routed_experts": 4,
        "n_shared_experts": 1,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 64,
        "first_k_dense_replace": 1,
        "bos_token_id": 0,
        "eos_token_id": 1,
    }
    config = twin_config({"model_type": "deepseek_vl_v2", "language_config": decoder})
    seeing: Any = config.vision_config
    for part in (seeing.sam_config, seeing.encoder_config):
        part.num_hidden_layers = 2
    seeing.sam_config.global_attn_indexes = [1]
    torch.manual_seed(0)
    model: Any = UnlimitedOcrForConditionalGeneration(config)
    model = model.to(torch.bfloat16)
    model.save_pretrained(folder)
    published = {**PUBLISHED, "language_config": decoder, "vision_config": seeing.to_dict()}
    (folder / "config.json").write_text(json.dumps(published), "utf-8")
    _tokenizer().save_pretrained(folder)

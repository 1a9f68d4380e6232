"""Quantized experts say nearly what the unquantized ones say, and take a fraction of the room."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import DeepseekOcr2Config
from transformers.models.deepseek_ocr2 import modeling_deepseek_ocr2

from ocr_api.engines.vision_language.experts import QuantizedExperts, is_fused_experts
from ocr_api.engines.vision_language.quantize import is_skipped, quantize_in_place
from ocr_api.engines.vision_language.settings import Quantization


@pytest.fixture(scope="module")
def experts() -> Any:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config: Any = DeepseekOcr2Config(
        text_config={"hidden_size": 256, "moe_intermediate_size": 128, "n_routed_experts": 8}
    ).text_config
    library: Any = modeling_deepseek_ocr2
    made = library.DeepseekOcr2TextExperts(config)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return made.to(torch.bfloat16)


@pytest.mark.parametrize(
    ("quantization", "least_cosine", "most_bytes"), [("8bit", 0.9995, 0.53), ("4bit", 0.97, 0.30)]
)
@torch.inference_mode()
def test_answers_are_close_and_the_room_is_small(
    experts: Any, quantization: Quantization, least_cosine: float, most_bytes: float
) -> None:
    quantized = QuantizedExperts(experts, quantization, "cpu")
    states = torch.randn(9, 256, dtype=torch.bfloat16)
    chosen = torch.stack([torch.randperm(8)[:2] for _ in range(9)])
    weights = torch.rand(9, 2)

    said = quantized(states, chosen, weights).float().flatten()
    expected = experts(states, chosen, weights).float().flatten()

    assert float(torch.cosine_similarity(said, expected, dim=0)) > least_cosine
    room = sum(buffer.nbytes for buffer in quantized.buffers())
    assert room < most_bytes * sum(parameter.nbytes for parameter in experts.parameters())


def test_only_fused_experts_are_taken_for_such(experts: Any) -> None:
    assert is_fused_experts(experts)
    assert not is_fused_experts(torch.nn.Linear(2, 2))


def test_skip_list_holds_full_paths() -> None:
    skip = ("model.vision_tower", "lm_head")

    assert is_skipped("model.vision_tower.layers.0.attn.qkv", skip)
    assert is_skipped("lm_head", skip)
    assert not is_skipped("model.vision_tower_2", skip)
    assert not is_skipped("model.language_model.lm_head", skip)


def test_share_counts_what_was_quantized() -> None:
    model = torch.nn.ModuleDict(
        {"a": torch.nn.Linear(64, 64), "b": torch.nn.Linear(64, 64), "odd": torch.nn.Linear(3, 3)}
    ).to(torch.bfloat16)

    quantized = quantize_in_place(model, "4bit", skip=("b",), device="cpu")

    assert quantized.quantized == 64 * 64
    assert quantized.parameters == 2 * (64 * 64 + 64) + 12
    assert type(model["b"]) is torch.nn.Linear

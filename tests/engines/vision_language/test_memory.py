"""What a model will take is computed from the heads of its files, before it is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_api.engines.vision_language.memory import (
    CacheShape,
    Workload,
    cache_shape,
    check_fits,
    is_decoder_matrix,
    memory_need,
)
from ocr_api.engines.vision_language.settings import Quantization
from ocr_api.engines.vision_language.tensor_files import TensorHead, tensors_of
from ocr_api.errors import ModelDoesNotFitError, ModelLoadError

CACHE = CacheShape(layers=2, heads=4, head_width=8)
MIB = 1 << 20
MATRIX = TensorHead("model.layers.0.mlp.up_proj.weight", (4096, 4096))
SEES = TensorHead("visual.blocks.0.mlp.fc1.weight", (1024, 1024))


def work(quantization: Quantization, pages: int = 1) -> Workload:
    return Workload("cuda", quantization, pages, tokens=8192, vision_mib=100)


@pytest.mark.parametrize(("quantization", "weights_mib"), [("none", 32), ("8bit", 17), ("4bit", 9)])
def test_weights_shrink_as_they_are_quantized(quantization: Quantization, weights_mib: int) -> None:
    need = memory_need([MATRIX, SEES], CACHE, work(quantization))
    parts = {part.name: part.mib for part in need.parts}

    assert parts.get(f"weights in {quantization}", 0) + parts["weights in 16 bits"] == (
        weights_mib + 2
    )
    assert need.total_mib == sum(parts.values())


def test_cache_grows_with_the_pages_read_together() -> None:
    one, four = (
        {part.name: part.mib for part in memory_need([], CACHE, work("none", pages)).parts}
        for pages in (1, 4)
    )

    assert one["cache of attention"] == 2 * 2 * 4 * 8 * 2 * 8192 // MIB
    assert four["cache of attention"] == 4 * one["cache of attention"]


def test_too_large_a_model_is_refused_with_the_numbers() -> None:
    need = memory_need([MATRIX], CACHE, work("none"))

    check_fits(need, need.total_mib, "cuda")
    check_fits(need, None, "cuda")
    with pytest.raises(ModelDoesNotFitError) as refused:
        check_fits(need, need.total_mib - 1, "cuda")
    assert str(need.total_mib) in refused.value.detail
    assert "CUDA context" in refused.value.detail
    assert refused.value.facts["free_mib"] == need.total_mib - 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.layers.3.self_attn.q_proj.weight", True),
        ("model.language_model.layers.3.mlp.experts.gate_up_proj", True),
        ("model.layers.3.mlp.experts.7.down_proj.weight", True),
        ("model.layers.3.mlp.gate.weight", False),
        ("visual.blocks.3.attn.qkv.weight", False),
        ("model.vision_tower.layers.0.attn.qkv.weight", False),
        ("model.vision_model.transformer.layers.0.mlp.fc1.weight", False),
        ("model.multi_modal_projector.layers.0.weight", False),
        ("lm_head.weight", False),
    ],
)
def test_only_matrices_of_the_decoder_are_quantized(name: str, *, expected: bool) -> None:
    assert is_decoder_matrix(TensorHead(name, (128, 128))) is expected


def test_cache_shape_is_read_from_the_text_part_of_a_config() -> None:
    text = {"num_hidden_layers": 12, "num_attention_heads": 10, "hidden_size": 1280}

    assert cache_shape({"hidden_size": 7, "text_config": text}) == CacheShape(12, 10, 128)
    assert cache_shape({**text, "num_key_value_heads": 2}) == CacheShape(12, 2, 128)


def test_folder_without_weights_and_broken_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=str(tmp_path)):
        tensors_of(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(ModelLoadError, match=r"model\.safetensors"):
        tensors_of(tmp_path)

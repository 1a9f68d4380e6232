"""A PEFT adapter is merged into the base before anything is quantized."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import Qwen2VLForConditionalGeneration

from ocr_api.engines.vision_language.loading import LoadedModel, load_model
from ocr_api.engines.vision_language.settings import EngineSettings, Quantization
from ocr_api.errors import ModelLoadError

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
BASE = Path(__file__).parents[2] / "checkpoints" / "qari"


def loaded(adapter: Path | None, quantization: Quantization = "none") -> LoadedModel:
    settings = EngineSettings(BASE, adapter, quantization=quantization)
    return load_model(
        Qwen2VLForConditionalGeneration,
        settings,
        full_precision=lambda _model: ("model.visual", "lm_head"),
    )


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(0)
    base: Any = Qwen2VLForConditionalGeneration.from_pretrained(BASE, dtype=torch.bfloat16)
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    peft.get_peft_model(base, config).save_pretrained(str(folder))
    return folder


def weight_of(model: LoadedModel) -> torch.Tensor:
    layer = model.model.model.language_model.layers[0].self_attn.q_proj
    weight: torch.Tensor = layer.weight
    return weight


def test_adapter_changes_the_weights_and_leaves_no_trace(adapter: Path) -> None:
    plain, merged = loaded(None), loaded(adapter)

    assert not torch.equal(weight_of(plain), weight_of(merged))
    assert type(merged.model) is type(plain.model)


def test_merged_model_is_quantized(adapter: Path) -> None:
    merged = loaded(adapter, "4bit")

    assert weight_of(merged).dtype == torch.uint8
    assert 0 < (merged.footprint.quantized_share or 0) < 1


def test_folder_without_an_adapter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=str(tmp_path)):
        loaded(tmp_path)

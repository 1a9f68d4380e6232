"""Checkpoints of the published sizes with random weights: they load and run, and read nothing.

Tokenizers and processors are those of the small checkpoints, with the published sizes of pictures.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    DeepseekOcr2Config,
    DeepseekOcr2ForConditionalGeneration,
    GotOcr2Config,
    GotOcr2ForConditionalGeneration,
    PreTrainedConfig,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
)

SMALL = Path(__file__).parents[2] / "tests" / "checkpoints"
_SPREAD = 0.02
_SHARD = "2GB"


@dataclass(frozen=True, slots=True)
class Architecture:
    """One of the three models at its published size.

    Attributes:
        model_class: Builds the model from a configuration.
        configure: Gives the published sizes, with the tokens of the small checkpoint's config.
        processor: Members of `processor_config.json` that differ from the small checkpoint's.
    """

    model_class: Any
    configure: Callable[[Mapping[str, Any]], PreTrainedConfig]
    processor: Mapping[str, Any]


def _got(small: Mapping[str, Any]) -> PreTrainedConfig:
    return GotOcr2Config(image_token_index=small["image_token_index"])


def _qwen2_vl(small: Mapping[str, Any]) -> PreTrainedConfig:
    tokens = {name: value for name, value in small.items() if name.endswith("_token_id")}
    text = {
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
        "max_position_embeddings": 32768,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1e6,
            "mrope_section": [16, 24, 24],
        },
    }
    return Qwen2VLConfig(
        text_config=text,
        vision_config={"depth": 32, "embed_dim": 1280, "hidden_size": 1536, "num_heads": 16},
        tie_word_embeddings=True,
        **tokens,
    )


def _deepseek(small: Mapping[str, Any]) -> PreTrainedConfig:
    layers = 12
    text = {
        "hidden_size": 1280,
        "intermediate_size": 6848,
        "num_hidden_layers": layers,
        "num_attention_heads": 10,
        "num_key_value_heads": 10,
        "head_dim": 128,
        "vocab_size": 129280,
        "max_position_embeddings": 8192,
        "n_routed_experts": 64,
        "n_shared_experts": 2,
        "num_experts_per_tok": 6,
        "moe_intermediate_size": 896,
        "mlp_layer_types": ["dense"] + ["sparse"] * (layers - 1),
        "n_group": 1,
        "topk_group": 1,
    }
    encoder = {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 8,
    }
    return DeepseekOcr2Config(
        text_config=text,
        vision_config={"encoder_config": encoder},
        image_token_id=small["image_token_id"],
    )


ARCHITECTURES: Mapping[str, Architecture] = {
    "got": Architecture(
        GotOcr2ForConditionalGeneration,
        _got,
        {"image_processor": {"size": {"height": 1024, "width": 1024}}},
    ),
    "qari": Architecture(
        Qwen2VLForConditionalGeneration,
        _qwen2_vl,
        {},
    ),
    "deepseek": Architecture(
        DeepseekOcr2ForConditionalGeneration,
        _deepseek,
        {
            "patch_size": 16,
            "downsample_ratio": 4,
            "image_processor": {"size": {"height": 1024, "width": 1024}, "tile_size": 768},
        },
    ),
}


def write_checkpoint(name: str, folder: Path, small: Path | None = None) -> Path:
    """Writes a model of published size with random bf16 weights.

    Args:
        name: `got`, `qari` or `deepseek`.
        folder: Where it goes; made.
        small: The small checkpoint that lends tokenizer and processor; None = the project's.

    Returns:
        The folder.
    """
    lender = small or SMALL / name
    architecture = ARCHITECTURES[name]
    config = architecture.configure(json.loads((lender / "config.json").read_text()))
    shutil.copytree(lender, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    _random_model(architecture.model_class, config).save_pretrained(folder, max_shard_size=_SHARD)
    shutil.copy(lender / "generation_config.json", folder)
    _set_processor(folder / "processor_config.json", architecture.processor)
    _forget(folder / "tokenizer_config.json", "num_image_tokens")
    return folder


def _random_model(model_class: Any, config: PreTrainedConfig) -> Any:
    with torch.device("meta"):
        model = model_class(config)
    model = model.to(torch.bfloat16).to_empty(device="cpu")
    model.tie_weights()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-_SPREAD, _SPREAD)
    return model


def _set_processor(path: Path, members: Mapping[str, Any]) -> None:
    known = json.loads(path.read_text())
    for member, value in members.items():
        old = known.get(member)
        known[member] = {**old, **value} if isinstance(old, dict) else value
    path.write_text(json.dumps(known))


def _forget(path: Path, member: str) -> None:
    known = json.loads(path.read_text())
    known.pop(member, None)
    path.write_text(json.dumps(known))

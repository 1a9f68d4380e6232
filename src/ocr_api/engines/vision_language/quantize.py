"""Quantizes the linear layers of a loaded model in place, one by one, on the way to its device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import bitsandbytes
import torch
from torch import nn

from ocr_api.engines.vision_language.experts import QuantizedExperts, is_fused_experts
from ocr_api.engines.vision_language.settings import Quantization

_LAYERS: Any = bitsandbytes.nn
_BLOCK = 64
"""Weights that share one scale in nf4; layers of another width stay as they are."""
_OUTLIERS = 6.0
"""Activations from here on are computed unquantized (LLM.int8(), arXiv 2208.07339)."""


@dataclass(frozen=True, slots=True)
class Quantized:
    """How much of a model was quantized.

    Attributes:
        parameters: All of its parameters.
        quantized: Those of them that are quantized.
    """

    parameters: int
    quantized: int

    @property
    def share(self) -> float:
        """0..1."""
        return self.quantized / max(1, self.parameters)


def quantize_in_place(
    model: nn.Module, quantization: Quantization, *, skip: Sequence[str], device: str
) -> Quantized:
    """Replaces linear layers and fused experts by quantized ones on the device.

    Only one layer at a time is on the device unquantized, so that the device needs no room for
    the whole model in 16 bits.

    Args:
        model: In 16 bits, on the CPU.
        quantization: `8bit` (LLM.int8()) or `4bit` (nf4).
        skip: Full paths of modules that stay as they are, with all that is in them.
        device: Where the quantized layers go; the rest of the model is not moved.
    """
    parameters = sum(parameter.numel() for parameter in model.parameters())
    quantized = 0
    modules: list[tuple[str, nn.Module]] = list(cast("Any", model).named_modules())
    for path, module in modules:
        if is_skipped(path, skip) or not _is_quantizable(module):
            continue
        quantized += _weights_of(module)
        _replace(model, path, _quantized(module, quantization, device))
    return Quantized(parameters, quantized)


def is_skipped(path: str, skip: Sequence[str]) -> bool:
    """Tells whether a module, or one that it lies in, is among those to skip."""
    return any(path == name or path.startswith(f"{name}.") for name in skip)


def _is_quantizable(module: nn.Module) -> bool:
    if is_fused_experts(module):
        return True
    return type(module) is nn.Linear and module.in_features % _BLOCK == 0


def _weights_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.dim() > 1)


def _replace(model: nn.Module, path: str, replacement: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, replacement)


def _quantized(module: Any, quantization: Quantization, device: str) -> nn.Module:
    if is_fused_experts(module):
        return QuantizedExperts(module, quantization, device)
    bias = module.bias is not None
    sizes = (module.in_features, module.out_features)
    layer: Any
    with torch.device("meta"):
        if quantization == "8bit":
            layer = _LAYERS.Linear8bitLt(
                *sizes, bias=bias, has_fp16_weights=False, threshold=_OUTLIERS
            )
        else:
            layer = _LAYERS.Linear4bit(
                *sizes,
                bias=bias,
                compute_dtype=module.weight.dtype,
                compress_statistics=False,
                quant_type="nf4",
            )
    layer.weight = _weight(module.weight.data, layer, quantization).to(device)
    if bias:
        layer.bias = nn.Parameter(module.bias.data.to(device), requires_grad=False)
    quantized: nn.Module = layer.eval()
    return quantized


def _weight(data: torch.Tensor, layer: Any, quantization: Quantization) -> Any:
    if quantization == "8bit":
        return _LAYERS.Int8Params(data, requires_grad=False, has_fp16_weights=False)
    return _LAYERS.Params4bit(
        data,
        requires_grad=False,
        compress_statistics=False,
        quant_type="nf4",
        blocksize=_BLOCK,
        module=layer,
    )

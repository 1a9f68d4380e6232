"""Quantized mixture-of-experts layers: bitsandbytes leaves fused experts as they are.

transformers keeps the experts of a layer in two tensors of three dimensions. Of DeepSeek-OCR's
3.3 billion parameters 2.4 lie in them; unquantized they alone take 4.8 GB.
"""

from __future__ import annotations

from typing import Any, TypeGuard

import torch
from bitsandbytes import functional
from torch import Tensor, nn

from ocr_api.engines.vision_language.settings import Quantization

_BLOCK = 64
_FUNCTIONAL: Any = functional
_TORCH: Any = torch


def is_fused_experts(module: nn.Module) -> TypeGuard[Any]:
    """Tells whether a module holds the weights of all experts of a layer in two tensors."""
    weights = [getattr(module, name, None) for name in ("gate_up_proj", "down_proj")]
    return all(isinstance(weight, nn.Parameter) and weight.dim() == 3 for weight in weights)


class QuantizedExperts(nn.Module):
    """The experts of one layer; quantized expert by expert, on the way to the device.

    Args:
        experts: transformers' fused experts, `gate_up_proj` of `(experts, 2 * inner, outer)` and
            `down_proj` of `(experts, outer, inner)`.
        quantization: `8bit`: int8 with a scale a row. `4bit`: nf4 with a scale for 64 weights.
        device: Where the quantized weights go.
    """

    def __init__(self, experts: Any, quantization: Quantization, device: str) -> None:
        super().__init__()
        matrix = _Int8Matrices if quantization == "8bit" else _Nf4Matrices
        self.num_experts = int(experts.num_experts)
        self.act_fn = experts.act_fn
        self.gate_up = matrix(experts.gate_up_proj.data, device)
        self.down = matrix(experts.down_proj.data, device)

    def forward(self, hidden_states: Tensor, top_k_index: Tensor, top_k_weights: Tensor) -> Tensor:
        """Gives the weighted sum of what the chosen experts say, `(tokens, outer)`.

        Args:
            hidden_states: `(tokens, outer)`.
            top_k_index: `(tokens, k)`, the experts chosen for each token.
            top_k_weights: `(tokens, k)`, how much each counts.
        """
        output = torch.zeros_like(hidden_states)
        chosen: list[int] = _TORCH.unique(top_k_index).tolist()
        for expert in chosen:
            if expert >= self.num_experts:
                continue
            tokens, places = torch.where(top_k_index == expert)
            gate, up = self.gate_up(hidden_states[tokens], expert).chunk(2, dim=-1)
            said = self.down(self.act_fn(gate) * up, expert)
            weighted = said * top_k_weights[tokens, places, None]
            output.index_add_(0, tokens, weighted.to(output.dtype))
        return output


class _Int8Matrices(nn.Module):
    """Matrices as int8 rows with one scale each."""

    def __init__(self, weights: Tensor, device: str) -> None:
        super().__init__()
        count, rows, columns = weights.shape
        self.weights: Tensor
        self.scales: Tensor
        self.register_buffer(
            "weights", torch.empty((count, rows, columns), dtype=torch.int8, device=device)
        )
        self.register_buffer(
            "scales", torch.empty((count, rows), dtype=weights.dtype, device=device)
        )
        for index in range(count):
            matrix = weights[index].to(device).float()
            scale = matrix.abs().amax(dim=-1).clamp_min(1e-8) / 127
            self.weights[index] = (matrix / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
            self.scales[index] = scale.to(weights.dtype)

    def forward(self, values: Tensor, index: int) -> Tensor:
        weight, scale = self.weights[index], self.scales[index]
        if values.device.type == "cpu" and values.dtype == torch.bfloat16:
            # int8 is read from memory and widened in registers: faster than bf16 for few tokens
            widened: Tensor = _TORCH._weight_int8pack_mm(values.contiguous(), weight, scale)  # noqa: SLF001
            return widened
        return nn.functional.linear(values, weight.to(values.dtype)) * scale.to(values.dtype)


class _Nf4Matrices(nn.Module):
    """Matrices as nf4 with one scale for 64 weights."""

    def __init__(self, weights: Tensor, device: str) -> None:
        super().__init__()
        self._shape = weights.shape[1:]
        self._dtype = weights.dtype
        self.packed: Tensor
        self.scales: Tensor
        self.code: Tensor
        packed, scales, code = zip(
            *(self._quantize(matrix.to(device)) for matrix in weights), strict=True
        )
        self.register_buffer("packed", torch.stack(packed))
        self.register_buffer("scales", torch.stack(scales))
        self.register_buffer("code", code[0])

    def _quantize(self, matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        packed, state = _FUNCTIONAL.quantize_4bit(
            matrix.contiguous(), blocksize=_BLOCK, compress_statistics=False, quant_type="nf4"
        )
        return packed, state.absmax, state.code

    def forward(self, values: Tensor, index: int) -> Tensor:
        state = _FUNCTIONAL.QuantState(
            absmax=self.scales[index],
            shape=self._shape,
            code=self.code,
            blocksize=_BLOCK,
            quant_type="nf4",
            dtype=self._dtype,
        )
        weight = _FUNCTIONAL.dequantize_4bit(self.packed[index], state)
        return nn.functional.linear(values, weight.to(values.dtype))

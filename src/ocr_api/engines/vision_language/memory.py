"""What a model will take, computed before it is loaded. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from ocr_api.engines.vision_language.free_memory import CUDA_CONTEXT_MIB
from ocr_api.engines.vision_language.settings import Device, Quantization
from ocr_api.engines.vision_language.tensor_files import TensorHead
from ocr_api.errors import ModelDoesNotFitError

_MIB = 1 << 20
_BYTES = 2
"""Of a weight in bf16 or fp16, whatever the file holds."""
_SCALE_BYTES = 4
_BLOCK = 64
"""Weights that share a scale in nf4; in int8 a row shares one."""
_DECODER = re.compile(r"(?:^|\.)layers\.\d+\.")
_NOT_DECODER = re.compile(
    r"(?:^|\.)(?:visual|vision\w*|image\w*|sam\w*|qwen2_model|\w*projector\w*|\w*encoder\w*|"
    r"connector|merger)\."
)
_ROUTER = re.compile(r"\.gate\.weight$")
_PROMPT_MIB = 200
"""Activations of a page's prompt beside the cache: 80 to 190 MiB, measured on a GPU."""
_CPU_RUNTIME_MIB = 400
"""PyTorch and transformers themselves, measured on Linux with CPU builds."""


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """One part of what a model takes."""

    name: str
    mib: int


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What a model takes in all.

    Attributes:
        parts: Each named; they add up.
    """

    parts: tuple[MemoryPart, ...]

    @property
    def total_mib(self) -> int:
        """The sum."""
        return sum(part.mib for part in self.parts)

    def __str__(self) -> str:
        """Gives the parts for people."""
        return ", ".join(f"{part.name} {part.mib}" for part in self.parts if part.mib)


@dataclass(frozen=True, slots=True)
class CacheShape:
    """What one token takes in the cache of attention.

    Attributes:
        layers: Of the text decoder.
        heads: Of keys and values.
        head_width: Numbers of each.
    """

    layers: int
    heads: int
    head_width: int

    @property
    def token_bytes(self) -> int:
        """Keys and values of all layers in 16 bits."""
        return 2 * self.layers * self.heads * self.head_width * _BYTES


@dataclass(frozen=True, slots=True)
class Workload:
    """What the model is to do at a time.

    Attributes:
        device: Where.
        quantization: Of its decoder.
        pages: Decoded together.
        tokens: Of one page: its picture, the prompt and the longest answer.
        vision_mib: Peak of encoding one picture.
    """

    device: Device
    quantization: Quantization
    pages: int
    tokens: int
    vision_mib: int


def memory_need(tensors: Sequence[TensorHead], cache: CacheShape, work: Workload) -> MemoryNeed:
    """Gives what a model takes on its device while it reads, part by part."""
    quantized = [tensor for tensor in tensors if is_decoder_matrix(tensor)]
    if work.quantization == "none":
        quantized = []
    small = sum(_quantized_bytes(tensor, work.quantization) for tensor in quantized)
    all_parameters = sum(tensor.parameters for tensor in tensors)
    rest = all_parameters - sum(tensor.parameters for tensor in quantized)
    is_gpu = work.device == "cuda"
    reading = (
        MemoryPart("cache of attention", _mib(cache.token_bytes * work.tokens * work.pages)),
        MemoryPart("encoding a picture", work.vision_mib),
        MemoryPart("reading prompts", _PROMPT_MIB * work.pages),
    )
    return MemoryNeed(
        (
            MemoryPart(f"weights in {work.quantization}", _mib(small)),
            MemoryPart("weights in 16 bits", _mib(rest * _BYTES)),
            *reading,
            MemoryPart("CUDA context", CUDA_CONTEXT_MIB)
            if is_gpu
            else MemoryPart("PyTorch", _CPU_RUNTIME_MIB),
        )
    )


def check_fits(need: MemoryNeed, free_mib: int | None, device: Device) -> None:
    """Refuses a model that does not fit.

    Raises:
        ModelDoesNotFitError: It needs more than is free; the message has the numbers.
    """
    if free_mib is None or need.total_mib <= free_mib:
        return
    msg = (
        f"The model needs about {need.total_mib} MiB on {device} and {free_mib} MiB are free "
        f"({need}). Choose a smaller quantization, fewer pages at a time, or free memory."
    )
    raise ModelDoesNotFitError(
        msg,
        needed_mib=need.total_mib,
        free_mib=free_mib,
        parts={part.name: part.mib for part in need.parts},
    )


def is_decoder_matrix(tensor: TensorHead) -> bool:
    """Tells by its name whether a tensor is among those that are quantized.

    The matrices of the text decoder's layers; not what sees, nor the router of experts.
    """
    return (
        len(tensor.shape) in (2, 3)
        and tensor.shape[-1] % _BLOCK == 0
        and _DECODER.search(tensor.name) is not None
        and _NOT_DECODER.search(tensor.name) is None
        and _ROUTER.search(tensor.name) is None
    )


def cache_shape(config: Mapping[str, object]) -> CacheShape:
    """Reads the cache's shape from a model's config, its text part where it has one."""
    for name in ("text_config", "language_config"):
        if isinstance(config.get(name), Mapping):
            config = {**config, **cast("Mapping[str, object]", config[name])}
    heads = _number(config, "num_attention_heads", 16)
    width = _number(config, "hidden_size", 2048) // max(1, heads)
    return CacheShape(
        layers=_number(config, "num_hidden_layers", 32),
        heads=_number(config, "num_key_value_heads", heads),
        head_width=_number(config, "head_dim", width),
    )


def _number(config: Mapping[str, object], name: str, default: int) -> int:
    found = config.get(name)
    return found if isinstance(found, int) and found > 0 else default


def _quantized_bytes(tensor: TensorHead, quantization: Quantization) -> int:
    if quantization == "8bit":
        return tensor.parameters + tensor.parameters // tensor.shape[-1] * _SCALE_BYTES
    return tensor.parameters // 2 + tensor.parameters // _BLOCK * _SCALE_BYTES


def _mib(size_bytes: int) -> int:
    return -(-size_bytes // _MIB)

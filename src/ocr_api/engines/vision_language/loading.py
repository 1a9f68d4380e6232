"""Brings a model onto its device: weights, adapter, quantization."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig
from transformers.utils import logging as transformers_logging

from ocr_api.engines.base import Footprint
from ocr_api.engines.vision_language.free_memory import taken_mib
from ocr_api.engines.vision_language.settings import EngineSettings
from ocr_api.errors import ModelLoadError

_QUIET: Any = transformers_logging
_CONFIG: Any = GenerationConfig


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to generate.

    Attributes:
        model: transformers' own.
        dtype: Of what is not quantized.
        footprint: What it takes, measured.
        end_tokens: Token ids that end an answer, as its generation config says.
        pad_token_id: As its generation config says; None = it does not say.
    """

    model: Any
    dtype: torch.dtype
    footprint: Footprint
    end_tokens: frozenset[int]
    pad_token_id: int | None


def load_model(
    model_class: Any, settings: EngineSettings, *, full_precision: Callable[[Any], Sequence[str]]
) -> LoadedModel:
    """Loads the weights of a folder; fetches nothing, and runs no code that comes with weights.

    Unquantized weights go straight to the device. Others are read on the CPU first, where an
    adapter is merged into them, and quantized layer by layer on the way to the device.

    Args:
        model_class: Has `from_pretrained`.
        settings: See `EngineSettings`.
        full_precision: Gives the full paths of the modules of a model that are not quantized.

    Raises:
        ModelLoadError: The folder holds no such model.
    """
    _QUIET.disable_progress_bar()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns at every cast to fp16
    dtype = computing_dtype(settings.device)
    is_direct = settings.quantization == "none" and settings.adapter_folder is None
    first_device = settings.device if is_direct else "cpu"
    model = _read_weights(model_class, settings.folder, dtype, first_device)
    generation = model.generation_config
    if settings.adapter_folder is not None:
        model = _merge_adapter(model, settings.adapter_folder)
    share = None
    if settings.quantization != "none":
        share = _quantize(model, settings, full_precision(model))
    model = model.to(settings.device).eval()
    model.generation_config = _CONFIG()  # decoding is said whole, at every call
    gc.collect()
    return LoadedModel(
        model,
        dtype,
        Footprint(taken_mib(settings.device), settings.device, settings.quantization, share),
        _token_ids(generation.eos_token_id),
        generation.pad_token_id,
    )


def computing_dtype(device: str) -> torch.dtype:
    """Gives bf16, or fp16 on a GPU that has no bf16."""
    if device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


def _read_weights(model_class: Any, folder: Path, dtype: torch.dtype, device: str) -> Any:
    try:
        model, report = model_class.from_pretrained(
            str(folder),
            output_loading_info=True,
            dtype=dtype,
            device_map={"": device},
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as exc:
        msg = f"The weights in {folder} cannot be loaded: {type(exc).__name__}: {exc}"
        raise ModelLoadError(msg) from exc
    missing = sorted(report["missing_keys"])
    if missing:  # the library fills them with noise and goes on
        msg = (
            f"The weights in {folder} lack {len(missing)} tensors of the model, "
            f"{missing[0]} the first; is this an adapter, or another model?"
        )
        raise ModelLoadError(msg)
    return model


def _quantize(model: Any, settings: EngineSettings, skip: Sequence[str]) -> float:
    """Gives the share of the parameters that are quantized."""
    # its library takes about a fifth of what loading a small model takes, and 16 bits need none
    from ocr_api.engines.vision_language.quantize import quantize_in_place  # noqa: PLC0415

    return quantize_in_place(model, settings.quantization, skip=skip, device=settings.device).share


def _merge_adapter(model: Any, folder: Path) -> Any:
    # needed by two models only, and slow to import
    import peft  # noqa: PLC0415

    adapters: Any = peft
    try:
        with warnings.catch_warnings():  # peft 0.21 asks for a name that transformers retires
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            adapted = adapters.PeftModel.from_pretrained(model, str(folder), local_files_only=True)
            return adapted.merge_and_unload(safe_merge=True)
    except (OSError, ValueError, KeyError, RuntimeError) as exc:
        msg = f"The adapter in {folder} cannot be merged: {type(exc).__name__}: {exc}"
        raise ModelLoadError(msg) from exc


def _token_ids(value: int | list[int] | None) -> frozenset[int]:
    if value is None:
        return frozenset()
    return frozenset(value if isinstance(value, list) else [value])

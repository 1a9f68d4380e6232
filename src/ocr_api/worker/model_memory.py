"""How much memory models may take on this machine, and what one takes that nobody has measured."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ocr_api.catalog import ModelSpec
from ocr_api.observability import get_logger
from ocr_api.worker.model_loading import LoadPlan

_log = get_logger(__name__)
_MIB = 1 << 20
_CPU_SHARE = 0.6
"""Of the machine's memory, or the container's; the rest is for pages, CPU engines and the queue."""
_ASK_GPU = ("nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits")
_ASK_GPU_S = 10.0
_SHARE_OF_16_BITS = {"none": 1.0, "8bit": 0.65, "4bit": 0.45}
"""What quantization leaves of weights in 16 bits: the part that sees stays as it is."""
_RESERVE_MIB = 1500
"""Beside the weights: the device's context, the cache of attention, pictures and prompts."""
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def detect_budget_mib(device: str) -> int | None:
    """Gives what models may take together on a device; blocking. None = it cannot be told.

    On a GPU what is free when the worker starts, on the CPU 60 % of the memory.

    Args:
        device: `cuda` or `cpu`.
    """
    return free_gpu_mib() if device == "cuda" else int(_CPU_SHARE * memory_mib())


def free_gpu_mib() -> int | None:
    """Gives the free memory of the GPU that children get; blocking. None = it cannot be told."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0]
    which = (f"--id={chosen}",) if chosen else ()
    try:
        told = subprocess.run(  # noqa: S603 - a fixed program
            [*_ASK_GPU, *which], capture_output=True, text=True, timeout=_ASK_GPU_S, check=True
        )
        return int(told.stdout.split()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as exc:
        _log.warning("gpu_memory_unknown", error=type(exc).__name__)
        return None


def memory_mib(limit_files: Iterable[str] = _CGROUP_LIMITS) -> int:
    """Gives the memory of the machine, or of the container where it has less."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in limit_files:
        try:
            sizes.append(int(Path(name).read_text("ascii")))
        except (OSError, ValueError):
            continue
    return min(sizes) // _MIB


def estimate_mib(spec: ModelSpec, loading: LoadPlan) -> int | None:
    """Gives what all instances of a model take while nobody has measured it; None = unknown.

    The catalog's number, else from the sizes of its files.
    """
    if spec.memory_mib is not None:
        return spec.memory_mib * spec.instances
    found = loading.find_weights(spec) if spec.weights is not None else None
    if found is None or not found.size_bytes:
        return None
    quantization = loading.quantization.get(spec.id) or spec.quantization or "none"
    needed_mib = (
        int(found.size_bytes / _MIB * _SHARE_OF_16_BITS.get(quantization, 1.0)) + _RESERVE_MIB
    )
    return needed_mib * spec.instances

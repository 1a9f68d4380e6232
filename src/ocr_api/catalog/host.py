"""What this machine offers to models."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from ocr_api.catalog.availability import Host

_GPU_DEVICES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg")
"""The driver's device files on Linux, the last one inside WSL 2."""


def this_host(*, allows_cpu_models: bool = False) -> Host:
    """Looks what this machine offers; imports no heavy library.

    Args:
        allows_cpu_models: `CPU_MODELS`.
    """
    return Host(has_gpu=_has_gpu(), has_package=_has_package, allows_cpu_models=allows_cpu_models)


def _has_gpu() -> bool:
    return any(Path(device).exists() for device in _GPU_DEVICES) and (
        shutil.which("nvidia-smi") is not None or Path("/dev/dxg").exists()
    )


def _has_package(name: str) -> bool:
    return importlib.util.find_spec(name) is not None

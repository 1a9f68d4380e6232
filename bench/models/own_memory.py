"""What this process takes."""

from __future__ import annotations

import resource
from pathlib import Path

import torch

_MIB = 1 << 20


def memory_of_self(device: str) -> dict[str, float]:
    """Gives the memory held now and at most so far: on the GPU for `cuda`, else in RAM, in MiB."""
    if device == "cuda":
        return {
            "resident_mib": torch.cuda.memory_reserved() / _MIB,
            "peak_mib": torch.cuda.max_memory_reserved() / _MIB,
            "host_peak_mib": _host_peak_mib(),
        }
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    resident = next(line for line in status if line.startswith("VmRSS:"))
    return {"resident_mib": int(resident.split()[1]) / 1024, "peak_mib": _host_peak_mib()}


def _host_peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

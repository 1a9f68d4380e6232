"""Memory of a device: how much is free, how much this process has taken."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch

_MIB = 1 << 20
_CGROUP = Path("/sys/fs/cgroup")
CUDA_CONTEXT_MIB = 500
"""What a process takes on a GPU before its first tensor; 450 to 550 MiB with CUDA 12."""


def free_mib(device: str) -> int | None:
    """Gives what a device has left; None where the system does not tell."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0]) // _MIB
    known = [value for value in (_available_mib(), _cgroup_left_mib()) if value is not None]
    return min(known, default=None)


def taken_mib(device: str) -> int:
    """Gives what this process has taken on a device."""
    if device == "cuda":
        return int(torch.cuda.memory_reserved()) // _MIB + CUDA_CONTEXT_MIB
    return _field_mib(Path("/proc/self/status"), "VmRSS:") or 0


def forget_peak(device: str) -> None:
    """Has the peak counted anew from now on."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return
    # 5 resets the peak of resident memory: proc(5), clear_refs
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mib(device: str) -> int | None:
    """Gives the most that this process has taken on a device since `forget_peak`.

    On the CPU that is its resident memory, mapped files included, as `taken_mib` counts it.
    """
    if device == "cuda":
        return int(torch.cuda.max_memory_reserved()) // _MIB + CUDA_CONTEXT_MIB
    return _field_mib(Path("/proc/self/status"), "VmHWM:")


def _available_mib() -> int | None:
    return _field_mib(Path("/proc/meminfo"), "MemAvailable:")


def _cgroup_left_mib() -> int | None:
    """Gives what the limit of a container leaves; None = no limit, or no control groups."""
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = (_CGROUP / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return None if limit == "max" else (int(limit) - int(used)) // _MIB


def _field_mib(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(name)]
    return int(found[0]) // 1024 if found else None

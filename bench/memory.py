"""Memory of the processes that only pass work on."""

from __future__ import annotations

import re
from pathlib import Path

from tests.service import Service

_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def measure_memory(service: Service) -> dict[str, float]:
    """Gives the proportional set size (MB) of each parent process of an idle service."""
    found = {role: service.pids(role)[0] for role in ("api", "worker", "valkey")}
    return {f"{role}_pss_mb": pss_mb(pid) for role, pid in found.items()}


def pss_mb(pid: int) -> float:
    """Proportional set size of a process, in MB (10^6 bytes); 0 of one that has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = _PSS.search(text)
    return round(int(found.group(1)) * 1024 / 1e6, 1) if found else 0.0

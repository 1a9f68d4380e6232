"""Whether a model can run on a host, and why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ocr_api.catalog.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Host:
    """What a machine offers.

    Attributes:
        has_gpu: An NVIDIA GPU and its driver are there.
        has_package: Tells whether a Python package is installed (without importing it).
        allows_cpu_models: Models that are made for a GPU may run on the CPU, slowly.
    """

    has_gpu: bool
    has_package: Callable[[str], bool]
    allows_cpu_models: bool = False


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a model can run; `reason` says why not, for people (empty = it can)."""

    reason: str = ""

    @property
    def is_available(self) -> bool:
        """The model can run."""
        return not self.reason


def availability(spec: ModelSpec, host: Host) -> Availability:
    """Decides whether a model can run on a host.

    The first hindrance that the operator can do least about is named first.
    """
    if spec.device == "cuda" and not (host.has_gpu or host.allows_cpu_models):
        return Availability(
            f"{spec.name} needs an NVIDIA GPU, and none was found. "
            "CPU_MODELS=true lets it run on the CPU, slowly."
        )
    if not spec.engine:
        return Availability(f"{spec.name} has no engine in this version.")
    missing = [package for package in spec.packages if not host.has_package(package)]
    if missing:
        return Availability(f"Not installed: {', '.join(missing)}.")
    return Availability()

"""Whether a model can run on a host, and why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ocr_api.catalog.spec import ModelSpec

_EXTRA = "ocr-api[vlm]"
_EXTRA_PACKAGES = frozenset(
    {"torch", "transformers", "accelerate", "bitsandbytes", "peft", "safetensors"}
)
"""What the extra of vision-language models installs."""


@dataclass(frozen=True, slots=True)
class Host:
    """What a machine offers.

    Attributes:
        has_gpu: An NVIDIA GPU and its driver are there.
        has_package: Tells whether a Python package is installed (without importing it).
        allows_cpu_models: Models made for a GPU may run on the processor (`CPU_MODELS`).
        weights_hindrance: Tells why a model's weights keep it from running; empty = they don't.
    """

    has_gpu: bool
    has_package: Callable[[str], bool]
    allows_cpu_models: bool = False
    weights_hindrance: Callable[[ModelSpec], str] = lambda _: ""

    def with_weights(self, hindrance: Callable[[ModelSpec], str]) -> Host:
        """Gives the same machine, on which weights keep models from running as this tells."""
        return replace(self, weights_hindrance=hindrance)


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

    The hindrance that the operator can do least about is named first.
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
        advice = f" Run: pip install '{_EXTRA}'." if _EXTRA_PACKAGES.issuperset(missing) else ""
        return Availability(f"Not installed: {', '.join(missing)}.{advice}")
    return Availability(host.weights_hindrance(spec))

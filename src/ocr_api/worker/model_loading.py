"""What a model's child is told to load, and the environment in which it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ocr_api.catalog import ModelSpec
from ocr_api.errors import ModelLoadError
from ocr_api.messages import LoadModel
from ocr_api.weights import Found

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TESSDATA_PREFIX", "LD_LIBRARY_PATH")
_KEPT_FOR_GPU = ("CUDA_", "NVIDIA_", "PYTORCH_", "TORCH_", "BNB_")


FindWeights = Callable[[ModelSpec], Found | None]
"""Gives where a model's weights lie; None = they are not on this machine."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How models are loaded on this machine.

    Attributes:
        timeout_s: Seconds in which a model must be loaded.
        find_weights: Finds the files of models that have weights of their own.
        has_gpu: Models made for a GPU are loaded there; else on the CPU.
        quantization: By model id, in place of what the catalog says.
    """

    timeout_s: float
    find_weights: FindWeights
    has_gpu: bool = False
    quantization: Mapping[str, str] = field(default_factory=dict[str, str])

    def device(self, spec: ModelSpec) -> str:
        """Gives the device on which a model is loaded: `cpu` or `cuda`."""
        return "cuda" if spec.device == "cuda" and self.has_gpu else "cpu"

    def runs_without_its_gpu(self, spec: ModelSpec) -> bool:
        """Tells whether a model that is made for a GPU runs on the CPU here."""
        return spec.device != self.device(spec)


def load_request(spec: ModelSpec, plan: LoadPlan) -> LoadModel:
    """Gives what a model's child is told.

    Raises:
        ModelLoadError: The weights are missing.
    """
    if spec.weights is None:
        return LoadModel(spec.engine, spec.settings)
    found = plan.find_weights(spec)
    if found is None:
        msg = f"The weights of {spec.name} are not on this machine."
        raise ModelLoadError(msg, model=spec.id)
    settings: dict[str, object] = {
        **spec.settings,
        "folder": str(found.folder),
        "device": plan.device(spec),
        "quantization": plan.quantization.get(spec.id) or spec.quantization or "none",
        "batch_pages": spec.batch_pages,
    }
    if found.adapter_folder is not None:
        settings["adapter_folder"] = str(found.adapter_folder)
    return LoadModel(spec.engine, settings)


def child_environment(environment: Mapping[str, str], readers: int, cores: int) -> dict[str, str]:
    """Gives the environment of the children that inspect and read.

    One thread a process: several processes read side by side, and a thread team in each would
    fight over the same cores. Only what libraries need is passed on.

    Args:
        environment: The parent's.
        readers: Pages read at the same time.
        cores: Processor cores that they share.
    """
    threads = str(max(1, cores // readers))
    passed = {name: environment[name] for name in _KEPT if name in environment}
    passed["HF_HUB_OFFLINE"] = "1"  # what engines load lies here; no library is to look elsewhere
    return {**passed, "OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": threads}


def shared_model_environment(
    environment: Mapping[str, str], instances: int, cores: int
) -> dict[str, str]:
    """Gives the environment of a model of which a few processes serve all pages.

    All cores are theirs, and what the GPU's driver and torch need is passed on. Their threads wait
    asleep: where other processes share the cores, threads that spin for one that does not run make
    generating several times slower. They never reach for the network: weights are fetched before,
    by a process of their own.

    Args:
        environment: The parent's.
        instances: Processes of the model.
        cores: Processor cores of the machine.
    """
    passed = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or name.startswith(_KEPT_FOR_GPU)
    }
    return {
        **passed,
        "OMP_NUM_THREADS": str(max(1, cores // instances)),
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }

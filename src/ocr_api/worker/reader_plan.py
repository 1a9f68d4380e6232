"""How pages are read on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ocr_api.catalog import ModelSpec
from ocr_api.worker.child_process import ChildCommand
from ocr_api.worker.model_loading import LoadPlan
from ocr_api.worker.page_steps import DocumentLimits
from ocr_api.worker.residency import ResidencyPlan


@dataclass(frozen=True, slots=True)
class ReaderPlan:
    """How pages are read on this machine.

    Attributes:
        readers: Pages read at the same time.
        document_limits: Bounds of decoding.
        document_arguments: Arguments of the document child's sandbox.
        page_timeout_s: Seconds that inspecting and reading a page may take.
        cpu_model_timeout_s: The same for a model that runs without the GPU it is made for.
        child_start_timeout_s: Seconds in which a child must be up.
        loading: How models are loaded.
        environment: Environment of the children that inspect and read.
        shared_environment: Of the children of a model, by how many serve all pages.
        residency: Which models stay in memory.
    """

    readers: int
    document_limits: DocumentLimits
    document_arguments: tuple[str, ...]
    page_timeout_s: float
    cpu_model_timeout_s: float
    child_start_timeout_s: float
    loading: LoadPlan
    environment: Mapping[str, str]
    shared_environment: Callable[[int], Mapping[str, str]]
    residency: ResidencyPlan = field(default_factory=ResidencyPlan)

    def timeout_s(self, spec: ModelSpec) -> float:
        """Gives the seconds that a page may take with a model."""
        slow = self.loading.runs_without_its_gpu(spec)
        return self.cpu_model_timeout_s if slow else self.page_timeout_s

    def command(
        self, module: str, environment: Mapping[str, str], arguments: tuple[str, ...] = ()
    ) -> ChildCommand:
        """Gives how a kind of child is started."""
        return ChildCommand(module, arguments, environment, self.child_start_timeout_s)

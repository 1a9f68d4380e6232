"""One entry of the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Quantization = Literal["none", "8bit", "4bit"]


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """Where the weights of a model are published.

    Attributes:
        repo: Hub id, `organisation/name`.
        revision: Branch, tag or commit that is fetched first; locked from then on.
        adapter_repo: Hub id of a PEFT adapter that is merged into the weights; None = none.
        adapter_revision: Of the adapter.
        download_mib: Bytes to fetch, in MiB, as published; None = unknown.
    """

    repo: str
    revision: str = "main"
    adapter_repo: str | None = None
    adapter_revision: str = "main"
    download_mib: int | None = None


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model: what it is called, what it is good for, which engine runs it, what it needs.

    Attributes:
        id: As callers name it.
        name: For people.
        engine: `"module:Class"`; empty = no engine of this installation runs it yet.
        best_for: One line for people.
        languages: ISO 639-1 codes; empty = many.
        license: SPDX expression of the weights.
        device: `cpu`, or `cuda` for a model that needs a GPU (or `CPU_MODELS=true`).
        packages: Python packages that must be installed.
        memory_mib: Memory of one loaded instance, from measurement; None = unknown.
        inspect: Whether a page is inspected and straightened before this model reads it.
        hidden: Not listed (for tests).
        weights: Where its weights are published; None = they come with the packages.
        quantization: Of its weights by default; None = the engine has no choice.
        prompt_modes: What it may be asked for, the default first; empty = it takes no prompt.
        allows_prompt: Callers may send a prompt of their own.
        batch_pages: Most pages read together by one instance.
        instances: Processes that load it side by side; 0 = one a reader.
        settings: Passed to the engine's constructor.
    """

    id: str
    name: str
    engine: str
    best_for: str
    languages: tuple[str, ...] = ()
    license: str = ""
    device: str = "cpu"
    packages: tuple[str, ...] = ()
    memory_mib: int | None = None
    inspect: bool = True
    hidden: bool = False
    weights: WeightsSource | None = None
    quantization: Quantization | None = None
    prompt_modes: tuple[str, ...] = ()
    allows_prompt: bool = False
    batch_pages: int = 1
    instances: int = 0
    settings: Mapping[str, object] = field(default_factory=dict[str, object])

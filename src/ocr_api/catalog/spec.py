"""One entry of the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
        device: `cpu` or `cuda`.
        packages: Python packages that must be installed.
        memory_mib: Memory of one loaded instance, from measurement; None = unknown.
        inspect: Whether a page is inspected and straightened before this model reads it.
        hidden: Not listed (for tests).
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
    settings: Mapping[str, object] = field(default_factory=dict[str, object])

"""What a catalog entry and the worker tell a vision-language engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from ocr_api.errors import ModelLoadError

Device = Literal["cpu", "cuda"]
Quantization = Literal["none", "8bit", "4bit"]

DEVICES: tuple[Device, ...] = ("cpu", "cuda")
QUANTIZATIONS: tuple[Quantization, ...] = ("none", "8bit", "4bit")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """One model to load.

    Attributes:
        folder: Of the weights, in the layout of the Hugging Face Hub.
        adapter_folder: Of a PEFT adapter that is merged into them; None = none.
        device: Where it runs.
        quantization: Of the linear layers of its text decoder.
        batch_pages: Most pages that are decoded together.
        values: All that the catalog entry says, for the engine itself to pick from.
    """

    folder: Path
    adapter_folder: Path | None = None
    device: Device = "cpu"
    quantization: Quantization = "none"
    batch_pages: int = 1
    values: Mapping[str, object] = field(default_factory=dict[str, object])

    @staticmethod
    def of(values: Mapping[str, object]) -> EngineSettings:
        """Reads the settings of a `LoadModel`.

        Raises:
            ModelLoadError: `folder` is missing, or a value is none of those that exist.
        """
        folder = values.get("folder")
        if not isinstance(folder, str):
            raise ModelLoadError("The model's weights were not found: its settings name no folder.")
        adapter = values.get("adapter_folder")
        return EngineSettings(
            folder=Path(folder),
            adapter_folder=Path(adapter) if isinstance(adapter, str) else None,
            device=cast("Device", _choice(values, "device", DEVICES)),
            quantization=cast("Quantization", _choice(values, "quantization", QUANTIZATIONS)),
            batch_pages=max(1, int(str(values.get("batch_pages", 1)))),
            values=values,
        )

    def number(self, name: str, default: int) -> int:
        """Gives a whole number of the catalog entry."""
        return int(str(self.values.get(name, default)))

    def text(self, name: str, default: str) -> str:
        """Gives a string of the catalog entry."""
        return str(self.values.get(name, default))

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Gives a list of strings of the catalog entry."""
        found = self.values.get(name, default)
        if not isinstance(found, (list, tuple)):
            msg = f"The model's setting {name} must be a list of strings."
            raise ModelLoadError(msg)
        return tuple(str(item) for item in cast("list[object]", found))

    def mapping(self, name: str) -> Mapping[str, object]:
        """Gives a table of the catalog entry, empty where it has none."""
        found = self.values.get(name, {})
        if not isinstance(found, Mapping):
            msg = f"The model's setting {name} must be a table."
            raise ModelLoadError(msg)
        return cast("Mapping[str, object]", found)


def _choice(values: Mapping[str, object], name: str, allowed: tuple[str, ...]) -> str:
    chosen = str(values.get(name) or allowed[0])
    if chosen not in allowed:
        msg = f"The model's setting {name} is '{chosen}'; allowed: {', '.join(allowed)}."
        raise ModelLoadError(msg)
    return chosen

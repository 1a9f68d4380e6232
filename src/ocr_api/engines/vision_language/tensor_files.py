"""What weights are in a folder, from the heads of its safetensors files alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ocr_api.errors import ModelLoadError

_LONGEST_HEAD = 100 << 20
"""Bytes; the limit of the format's own reader (safetensors 0.8, `MAX_HEADER_SIZE`)."""


@dataclass(frozen=True, slots=True)
class TensorHead:
    """Name and shape of one tensor, as its file names it."""

    name: str
    shape: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """Number of its elements."""
        return math.prod(self.shape)


def tensors_of(folder: Path) -> tuple[TensorHead, ...]:
    """Gives all tensors of the safetensors files of a folder.

    Raises:
        ModelLoadError: There is none, or one is broken.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        msg = f"There is no safetensors file in {folder}."
        raise ModelLoadError(msg)
    return tuple(tensor for file in files for tensor in _tensors_in(file))


def config_of(folder: Path) -> Mapping[str, object]:
    """Gives the model's `config.json`.

    Raises:
        ModelLoadError: It is missing or broken.
    """
    path = folder / "config.json"
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        msg = f"{path} cannot be read: {exc}"
        raise ModelLoadError(msg) from exc
    if not isinstance(found, dict):
        msg = f"{path} is not a table."
        raise ModelLoadError(msg)
    return cast("Mapping[str, object]", found)


def _tensors_in(path: Path) -> Iterator[TensorHead]:
    """Reads the head: its length as 8 bytes, little end first, then JSON."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _LONGEST_HEAD:
                msg = f"{path} is broken: its head is {length} bytes long."
                raise ModelLoadError(msg)
            head = cast("dict[str, dict[str, list[int]]]", json.loads(file.read(length)))
    except (OSError, ValueError) as exc:
        msg = f"{path} cannot be read: {exc}"
        raise ModelLoadError(msg) from exc
    for name, entry in head.items():
        if name != "__metadata__":
            yield TensorHead(name, tuple(entry["shape"]))

"""What the three models take on a GPU of 8 GB, computed by the engines' own function.

`python -m bench.models.budget [--device cpu]`. Models of the published sizes are made without
memory (PyTorch's meta device), so this takes seconds and needs neither weights nor a GPU.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch

from bench.models.checkpoints import ARCHITECTURES, SMALL
from ocr_api.catalog import ModelSpec, load_catalog
from ocr_api.engines.vision_language.base import VisionLanguageEngine
from ocr_api.engines.vision_language.memory import MemoryNeed, is_decoder_matrix
from ocr_api.engines.vision_language.settings import (
    DEVICES,
    QUANTIZATIONS,
    Device,
    EngineSettings,
)
from ocr_api.engines.vision_language.tensor_files import TensorHead

_CARD_MIB = 8192
_MOST_PAGES = 64
_HEAD = (
    "| model | weights | pages together | small | 16 bits | cache | picture | prompts | rest "
    "| **MiB in all** | most pages in 8 GiB |"
)


@dataclass(frozen=True, slots=True)
class Published:
    """A model at its published size.

    Attributes:
        spec: Its catalog entry.
        tensors: Its weights, by name and shape.
        config: Its configuration.
    """

    spec: ModelSpec
    tensors: Sequence[TensorHead]
    config: Mapping[str, object]

    def need(self, settings: EngineSettings) -> MemoryNeed:
        """What it takes while it reads."""
        module, _, class_name = self.spec.engine.partition(":")
        factory: Any = getattr(import_module(module), class_name)
        engine = cast("VisionLanguageEngine", factory(settings.values))
        return engine.memory_need(settings, self.tensors, self.config)

    @property
    def quantizable_share(self) -> float:
        """Share of the parameters that are quantized."""
        quantizable = sum(one.parameters for one in self.tensors if is_decoder_matrix(one))
        return quantizable / sum(one.parameters for one in self.tensors)


def main() -> None:
    """Prints a table, and the share of quantized parameters of each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=DEVICES, default="cuda")
    device: Device = parser.parse_args().device
    models = [published(name) for name in ARCHITECTURES]
    lines = [_HEAD, "|---|---|" + "---:|" * 9]
    lines += [line for model in models for line in _rows(model, device)]
    lines += ["", *(_size(model) for model in models)]
    sys.stdout.write("\n".join(lines) + "\n")


def published(name: str) -> Published:
    """Gives `got`, `qari` or `deepseek` at its published size."""
    architecture = ARCHITECTURES[name]
    small = json.loads((Path(SMALL) / name / "config.json").read_text(encoding="utf-8"))
    config = architecture.configure(small)
    with torch.device("meta"):
        model = architecture.model_class(config)
        model.tie_weights()
    tensors = [TensorHead(key, tuple(one.shape)) for key, one in model.named_parameters()]
    return Published(load_catalog().model(name), tensors, config.to_dict())


def _rows(model: Published, device: Device) -> Iterator[str]:
    values = dict(model.spec.settings)
    usual = EngineSettings(Path(), device=device, batch_pages=model.spec.batch_pages, values=values)
    for quantization in QUANTIZATIONS:
        settings = replace(usual, quantization=quantization)
        need = model.need(settings)
        figures = " | ".join(str(part.mib) for part in need.parts)
        default = " (default)" if quantization == model.spec.quantization else ""
        yield (
            f"| {model.spec.id} | {quantization}{default} | {settings.batch_pages} | {figures} "
            f"| **{need.total_mib}** | {_most_pages(model, settings) or 'none'} |"
        )


def _most_pages(model: Published, settings: EngineSettings) -> int:
    fitting = (
        pages
        for pages in range(_MOST_PAGES, 0, -1)
        if model.need(replace(settings, batch_pages=pages)).total_mib <= _CARD_MIB
    )
    return next(fitting, 0)


def _size(model: Published) -> str:
    parameters = sum(one.parameters for one in model.tensors) / 1e9
    return (
        f"{model.spec.id}: {parameters:.2f} B parameters, {model.quantizable_share:.2f} quantized"
    )


if __name__ == "__main__":
    main()

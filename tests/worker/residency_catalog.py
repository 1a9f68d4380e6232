"""Scripted models that take a share of a small budget."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


def write_catalog(path: Path, memory_mib: int, **models: Mapping[str, object]) -> Path:
    """Writes an operator's catalog; each model has one process and says its name and the width."""
    path.write_text("".join(_entry(model, memory_mib, told) for model, told in models.items()))
    return path


def _entry(model: str, memory_mib: int, more: Mapping[str, object]) -> str:
    settings = {"text": f"{model} {{width}}", "footprint_mib": memory_mib, **more}
    told = ", ".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())
    return (
        f'[models.{model}]\nname = "{model}"\nbest_for = "tests"\ninspect = false\n'
        'engine = "ocr_api.engines.scripted:ScriptedEngine"\n'
        f"batch_pages = 4\ninstances = 1\nmemory_mib = {memory_mib}\nsettings = {{ {told} }}\n"
    )

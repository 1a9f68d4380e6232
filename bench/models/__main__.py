"""The three models at their published sizes, with random weights: time to load, memory, speed.

`python -m bench.models [--device cuda] [--runs 3] [names …]`. Each figure is taken in a process of
its own, ours and a bare `from_pretrained` in turn, the files being in the page cache.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.models.checkpoints import ARCHITECTURES, write_checkpoint

_QUANTIZATIONS = ("none", "8bit", "4bit")
_HEAD = (
    "| model | weights | load s | bare s | ratio | resident MiB | peak MiB | bare resident MiB "
    "| bare peak MiB | quantized share |"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One model in one quantization.

    Attributes:
        name: `got`, `qari` or `deepseek`.
        quantization: `none`, `8bit` or `4bit`.
        ours: What the processes of our engine told, one a run.
        bare: The same of a bare `from_pretrained`.
    """

    name: str
    quantization: str
    ours: Sequence[dict[str, Any]]
    bare: Sequence[dict[str, Any]]

    def text(self) -> str:
        """The row of a Markdown table."""
        ours, bare = _median(self.ours, "load_s"), _median(self.bare, "load_s")
        first = self.ours[0]
        share = first["quantized_share"]
        return (
            f"| {self.name} | {self.quantization} | {ours:.1f} | {bare:.1f} | {ours / bare:.2f} "
            f"| {_median(self.ours, 'resident_mib'):.0f} | {_median(self.ours, 'peak_mib'):.0f} "
            f"| {_median(self.bare, 'resident_mib'):.0f} | {_median(self.bare, 'peak_mib'):.0f} "
            f"| {'' if share is None else format(share, '.2f')} |"
        )


def main() -> None:
    """Writes the checkpoints into a temporary folder, measures and prints a table."""
    arguments = _arguments()
    _say(_HEAD)
    _say("|" + "---|" * _HEAD.count(" | ") + "---|")
    for name in arguments.names:
        with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
            folder = write_checkpoint(name, Path(scratch) / name)
            for quantization in arguments.quantizations:
                row = _measure(name, folder, quantization, arguments)
                _say(row.text())
                _say(f"<!-- {json.dumps(row.ours[0])} -->")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(ARCHITECTURES))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--quantizations", nargs="*", default=list(_QUANTIZATIONS))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scratch", type=Path, default=None)
    parser.add_argument("--tokens", type=int, default=64)
    return parser.parse_args()


def _measure(name: str, folder: Path, quantization: str, arguments: argparse.Namespace) -> Row:
    ours: list[dict[str, Any]] = []
    bare: list[dict[str, Any]] = []
    for run in range(arguments.runs):
        reads = arguments.tokens if run == 0 else 0
        ours.append(
            _run("bench.models.engine_load", name, folder, quantization, arguments.device, reads)
        )
        bare.append(_run("bench.models.bare_load", name, folder, quantization, arguments.device, 0))
    return Row(name, quantization, ours, bare)


def _run(
    module: str, name: str, folder: Path, quantization: str, device: str, tokens: int
) -> dict[str, Any]:
    command = [sys.executable, "-m", module, name, str(folder), quantization, device, str(tokens)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _median(runs: Sequence[dict[str, Any]], member: str) -> float:
    return float(statistics.median(run[member] for run in runs))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

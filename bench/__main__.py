"""Runs the benchmarks and prints their figures; `--json FILE` keeps them."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path

from bench.memory import measure_memory
from bench.overhead import measure_overhead
from bench.reading import measure_reading
from bench.startup import measure_startup
from bench.throughput import measure_throughput
from tests.service import running


def main() -> None:
    """Measures what the service adds to the work itself."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--processes", type=int, default=2, help="pages read at the same time")
    parser.add_argument("--rounds", type=int, default=4, help="times the pages are read")
    parser.add_argument("--json", type=Path, help="file for the figures")
    chosen = parser.parse_args()
    figures: dict[str, object] = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}"
    }
    figures["from start to ready"] = measure_startup()
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        with running(data_dir, {"LOG_LEVEL": "warning"}, chosen.processes) as service:
            figures["memory, idle"] = measure_memory(service)
            figures["added to one idle job"] = measure_overhead(service)
            figures["character error rates"] = measure_reading(service)
            figures["throughput"] = measure_throughput(service, chosen.processes, chosen.rounds)
    text = json.dumps(figures, indent=2)
    sys.stdout.write(text + "\n")
    if chosen.json is not None:
        chosen.json.write_text(text + "\n")


if __name__ == "__main__":
    main()

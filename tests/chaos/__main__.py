"""Chaos: jobs by ordinary callers while everything is killed, frozen and cut off; then a tally.

Exit code 1 where anything was lost, doubled, mixed up, left over or not told.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import anyio

from ocr_api.observability import configure_logging
from tests.chaos.run import Order, Tally, run_chaos
from tests.webhooks.receiving import receiver

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def main() -> None:
    """Runs what is ordered, each mode in turn, and prints the tallies."""
    chosen = _arguments()
    jobs = chosen.jobs // len(chosen.mode)
    orders = [Order(mode, jobs, chosen.seed, chosen.pause, chosen.limit) for mode in chosen.mode]
    # Orphans become our children, so that a process that outlives its service is seen.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    sys.stdout.write(f"seed {chosen.seed}\n")
    sys.stdout.flush()
    tallies = [_run(order, chosen.keep) for order in orders]
    sys.exit(1 if any(tally.wrong for tally in tallies) else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=500, help="in all; each mode has its share")
    modes = ["embedded", "external"]
    parser.add_argument("--mode", nargs="+", choices=modes, default=modes)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--pause", type=float, default=2.0, help="s between two disturbances")
    parser.add_argument("--limit", type=float, default=3600.0, help="s that the jobs may take")
    parser.add_argument("--keep", type=Path, help="folder in which data and logs are left")
    return parser.parse_args()


def _run(order: Order, keep: Path | None) -> Tally:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch if keep is None else keep) / order.mode
        folder.mkdir(parents=True)
        with _logged(folder / "service.log"), receiver(folder / "got.jsonl") as receiving:
            tally = anyio.run(run_chaos, order, folder, receiving)
    sys.stdout.write(json.dumps(asdict(tally), indent=2) + "\n")
    sys.stdout.flush()
    return tally


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Sends our output, which all programs below share, to a file."""
    ours = [sys.stdout.fileno(), sys.stderr.fileno()]
    kept = [os.dup(descriptor) for descriptor in ours]
    with path.open("ab") as log:
        for descriptor in ours:
            os.dup2(log.fileno(), descriptor)
    configure_logging("info", "json")
    try:
        yield
    finally:
        for copy, descriptor in zip(kept, ours, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)


if __name__ == "__main__":
    main()

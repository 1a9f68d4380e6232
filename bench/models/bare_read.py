"""Loads one model with transformers alone and reads a page, in a process of its own; prints JSON.

`python -m bench.models.bare_read <name> <folder> <page> <most tokens> <started at>`: the last is
`time.time()` when the process was started, so that interpreter and imports count.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from tests.checkpoints.reading import load


def main() -> None:
    """Measures and prints seconds since the start of the process: loaded, and read."""
    name, folder, page, most_tokens, started_at = sys.argv[1:]
    checkpoint = load(name, folder=Path(folder))
    loaded_s = time.time() - float(started_at)
    (text,) = checkpoint.read([page], "text", int(most_tokens))
    read_s = time.time() - float(started_at)
    sys.stdout.write(json.dumps({"loaded_s": loaded_s, "read_s": read_s, "text": text}) + "\n")


if __name__ == "__main__":
    main()

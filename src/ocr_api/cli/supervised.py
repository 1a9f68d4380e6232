"""An `ocr-api` command that never outlives the process that supervises it.

Run as `python -m ocr_api.cli.supervised <supervisor's pid> <command> …`.
"""

from __future__ import annotations

import sys

from ocr_api.child.lifetime import die_with_parent
from ocr_api.cli.main import app


def main() -> None:
    """Ties this process to its supervisor and runs the command."""
    die_with_parent(int(sys.argv[1]))
    app(sys.argv[2:])


if __name__ == "__main__":
    main()

"""The program `ocr-api`: ends quietly at Ctrl-C, also while it is still loading."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import NoReturn

_INTERRUPTED = 130
"""128 + SIGINT, as shells count; the same as `Outcome.INTERRUPTED`, which is not loaded yet."""


def _end_at_once(_number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(_INTERRUPTED)


def main() -> None:
    """Loads the commands, which takes a moment, and runs the one that was asked for."""
    signal.signal(signal.SIGINT, _end_at_once)
    app = import_module("ocr_api.cli.main").app
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        app()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()

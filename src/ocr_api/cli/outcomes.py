"""Exit codes of the command."""

from __future__ import annotations

from enum import IntEnum


class Outcome(IntEnum):
    """What the exit code tells."""

    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    NONE_READ = 3
    INTERRUPTED = 130

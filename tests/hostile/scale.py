"""How much is tried: a bounded run with a fixed seed in the suite, a long one by `make fuzz`."""

from __future__ import annotations

import os
import secrets
import sys

_SEED = 20260101


def scaled(number: int) -> int:
    """Gives how many cases to try; FUZZ=20 tries twenty times as many."""
    return number * int(os.environ.get("FUZZ", "1"))


def seed() -> int:
    """Gives FUZZ_SEED; else a fixed seed in the suite, and one of its own for each long run."""
    given = os.environ.get("FUZZ_SEED")
    if given is not None:
        return int(given)
    return secrets.randbelow(2**31) if "FUZZ" in os.environ else _SEED


def tell(text: str) -> None:
    """Prints a line of a report; pytest shows it with -s, or where the test fails."""
    sys.stdout.write(text + "\n")

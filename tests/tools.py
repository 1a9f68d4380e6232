"""Programs from outside that some tests need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def needed(program: str) -> Path:
    """Gives a program's path; skips the test where it is missing, but fails it in CI."""
    found = shutil.which(program)
    if found is not None:
        return Path(found)
    if os.environ.get("CI"):
        pytest.fail(f"{program} is missing, and CI allows no such skip")
    pytest.skip(f"{program} is not installed")

"""Environments of the programs that we are compared with: made once, of exact versions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ROOT / ".venv-bench"
_CONTENDERS = ROOT / "bench" / "contenders"
_COMPLETE = "complete"


def install(names: Iterable[str], environments: Path) -> None:
    """Installs what is missing, or was installed of other versions.

    Args:
        names: Of files of requirements beside the contenders' programs.
        environments: Folder that they go to.

    Raises:
        subprocess.CalledProcessError: pip could not install something.
    """
    for name in names:
        if is_installed(name, environments):
            continue
        place = environments / name
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        pip = [str(program(name, "python", environments)), "-m", "pip", "install", "--quiet"]
        wanted = _requirements(name)
        subprocess.run([*pip, "--disable-pip-version-check", "-r", str(wanted)], check=True)
        (place / _COMPLETE).write_text(wanted.read_text())


def is_installed(name: str, environments: Path) -> bool:
    """Tells whether an environment has what its requirements name."""
    complete = environments / name / _COMPLETE
    return complete.exists() and complete.read_text() == _requirements(name).read_text()


def program(name: str, command: str, environments: Path) -> Path:
    """Gives the path of a command of an environment, such as `python`."""
    return environments / name / "bin" / command


def version(name: str, package: str) -> str:
    """Gives the version of a package that the requirements name.

    Raises:
        KeyError: They do not name it.
    """
    pins = dict(line.split("==") for line in _requirements(name).read_text().split())
    return pins[package]


def _requirements(name: str) -> Path:
    return _CONTENDERS / f"{name}.txt"

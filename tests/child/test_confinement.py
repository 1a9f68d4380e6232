"""A confined process reads no file and reaches no network."""

from __future__ import annotations

import platform
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's"),
]

KERNEL = tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])
CONFINED = """
import errno, os, socket, sys
from ocr_api.child.confinement import confine, needed_folders
folder, kept = sys.argv[1:3]
inherited = open(kept)
if not confine((*needed_folders(), folder)):
    sys.exit(77)
{attempt}
"""


def _run(attempt: str, folder: Path) -> subprocess.CompletedProcess[str]:
    kept = folder.parent / "kept"
    kept.write_text("open before")
    done = subprocess.run(
        [sys.executable, "-c", CONFINED.format(attempt=attempt), str(folder), str(kept)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip("this kernel offers no Landlock")
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that stays readable, holding one file."""
    readable = tmp_path / "readable"
    readable.mkdir()
    (readable / "font").write_text("a font")
    return readable


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/passwd')",
        "open('/proc/self/environ')",
        "open(kept)",
        "os.listdir('/')",
        "open(os.path.join(folder, 'new'), 'w')",
        "open('/tmp/new', 'w')",
        "os.unlink(kept)",
        "os.execv('/bin/sh', ['sh'])",
        "os.execv(os.path.join(folder, 'font'), ['font'])",
    ],
)
def test_files_are_out_of_reach(attempt: str, folder: Path) -> None:
    assert "PermissionError" in _run(attempt, folder).stderr


def test_open_files_and_readable_folders_stay_in_reach(folder: Path) -> None:
    attempt = "print(inherited.read(), open(os.path.join(folder, 'font')).read())"
    assert _run(attempt, folder).stdout == "open before a font\n"


@pytest.mark.skipif(KERNEL < (6, 7), reason="Landlock closes TCP from Linux 6.7 on")
def test_tcp_is_out_of_reach(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = _run(f"socket.create_connection({server.getsockname()!r})", folder)
    assert "PermissionError" in done.stderr

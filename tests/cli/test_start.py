"""Ctrl-C ends the program quietly, however early it comes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

WATCHED = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["ocr-api", "serve", "--port", "0", "--data-dir", {data!r}]
from ocr_api.cli.start import main
main()
"""


@pytest.mark.parametrize(
    "module", ["ocr_api.cli.main", "fastapi", "ocr_api.settings", "ocr_api.cli.serve"]
)
def test_interrupt_while_loading_ends_quietly(tmp_path: Path, module: str) -> None:
    code = WATCHED.format(module=module, data=str(tmp_path / "data"))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_program_that_runs_hears_of_the_interrupt(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ocr_api.cli.start", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert b"ready" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"Traceback" not in told

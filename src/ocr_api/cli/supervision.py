"""Keeps processes running: starts them, restarts what dies, stops all at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from subprocess import DEVNULL

import anyio
from anyio.abc import Process

from ocr_api.observability import get_logger
from ocr_api.settings import OWN_PREFIX

_log = get_logger(__name__)
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_STEADY_S = 10.0
"""A process that ran this long is restarted at once; a quicker death doubles the pause."""


@dataclass(frozen=True, slots=True)
class Program:
    """A process that is kept running.

    Attributes:
        name: For the log.
        command: An `ocr-api` command line, without the program's name.
        environment: Its whole environment.
        descriptors: Passed on to it under the same numbers.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    descriptors: Sequence[int] = ()


def with_settings(chosen: Mapping[str, str]) -> dict[str, str]:
    """Gives our own environment with some settings replaced, under each name they may have."""
    replaced = {*chosen, *(f"{OWN_PREFIX}{name}" for name in chosen)}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in replaced}
    return {**kept, **chosen}


async def keep_running(program: Program, grace_s: float) -> None:
    """Runs a program until cancelled, restarting it when it dies.

    Once cancelled it is asked to stop (SIGTERM) and killed after `grace_s` seconds.
    """
    pause_s = _FIRST_PAUSE_S
    while True:
        started_at = time.monotonic()
        process = await _start(program)
        try:
            code = await process.wait()
        finally:
            await _stop(process, grace_s)
        lasted_s = time.monotonic() - started_at
        pause_s = _FIRST_PAUSE_S if lasted_s > _STEADY_S else min(pause_s * 2, _LONGEST_PAUSE_S)
        _log.error("program_died", program=program.name, exit_status=code, restart_in_s=pause_s)
        await anyio.sleep(pause_s)


async def _start(program: Program) -> Process:
    return await anyio.open_process(
        [
            *(sys.executable, "-P", "-m", "ocr_api.cli.supervised"),
            *(str(os.getpid()), *program.command),
        ],
        stdin=DEVNULL,
        stdout=None,
        stderr=None,
        env=program.environment,
        pass_fds=tuple(program.descriptors),
        start_new_session=True,
    )


async def _stop(process: Process, grace_s: float) -> None:
    with anyio.CancelScope(shield=True):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with anyio.move_on_after(grace_s):
            await process.wait()
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

"""Becomes the queue's server, bound to die with the process that started it.

Run as a script: `python -S -E launch_server.py PARENT_PID PROGRAM ARGUMENT...`. It must import
nothing of the package, so that it costs a few milliseconds only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1  # linux/prctl.h; the setting survives execve(2)
_WATCH_INTERVAL_S = 0.5


def main(parent_pid: int, command: list[str]) -> None:
    """Binds this process to its parent and turns it into the command; does not return.

    Args:
        parent_pid: The process that started this one. Its main thread must have done so: the
            kernel sends the signal when the *thread* that started us ends.
        command: Program and arguments.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    elif os.fork() == 0:
        _kill_when_gone(parent_pid, os.getppid())
    if os.getppid() != parent_pid:
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - the caller looked the program up


def _kill_when_gone(watched_pid: int, server_pid: int) -> None:
    """Watches a process where the kernel does not, and kills the server after it."""
    os.closerange(3, 256)  # the lock's descriptor is the server's alone
    while os.getppid() == server_pid:
        time.sleep(_WATCH_INTERVAL_S)
        try:
            os.kill(watched_pid, 0)
        except ProcessLookupError:
            os.kill(server_pid, signal.SIGKILL)
            break
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])

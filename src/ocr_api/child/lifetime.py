"""A child never outlives its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_WATCH_INTERVAL_S = 1.0


def die_with_parent(parent_pid: int) -> None:
    """Arranges that this process is killed when its parent ends, however that ends.

    On Linux the kernel sends SIGKILL (prctl(2), PR_SET_PDEATHSIG), which works inside a long
    native call too; elsewhere a thread watches the parent. Ends the process at once if the parent
    is already gone.

    Args:
        parent_pid: The process that started this one.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent_pid,), daemon=True).start()
    if os.getppid() != parent_pid:
        os._exit(1)


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_WATCH_INTERVAL_S)
    os._exit(1)

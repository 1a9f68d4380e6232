"""Takes from a process what it does not need: privileges to gain, memory dumps, files, network.

Linux only; elsewhere these are no-ops and the resource limits stand alone.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import sysconfig
from collections.abc import Sequence

_PR_SET_DUMPABLE = 4  # linux/prctl.h
_PR_SET_NO_NEW_PRIVS = 38

_SYS_CREATE_RULESET = 444  # landlock(7); the same numbers on every architecture
_SYS_ADD_RULE = 445
_SYS_RESTRICT_SELF = 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_FS_RIGHTS_BY_ABI = (0, 13, 14, 15, 15, 16)
"""How many file rights each version of Landlock knows; later versions know as many as the last."""
_NET_TCP_ABI = 4
_SCOPE_ABI = 6
_READ_FILE_AND_FOLDER = 0b1100

FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/X11/fonts")
"""Where PDFium looks for fonts that a document names but does not bring."""


def needed_folders() -> tuple[str, ...]:
    """Gives the fonts, and the code of Python and its packages: some of it is imported late."""
    code = sysconfig.get_paths()
    return (*FONT_FOLDERS, *(code[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib")))


def confine(readable: Sequence[str]) -> bool:
    """Gives up what decoding does not need, for the life of the process.

    No new privileges; no memory dump and no tracing by processes of the same user; and, where the
    kernel offers Landlock (5.13 and later), no file but those already open and what lies in the
    readable folders, no TCP (6.7), no signals to other processes (6.12).

    Args:
        readable: Folders whose files may still be read; those that do not exist are left out.

    Returns:
        Whether the file system is closed.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return _close_file_system(libc, readable)


def _close_file_system(libc: ctypes.CDLL, readable: Sequence[str]) -> bool:
    abi = libc.syscall(_SYS_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    if abi < 1:
        return False
    attributes = _ruleset(abi)
    ruleset = libc.syscall(_SYS_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        for folder in readable:
            _allow_reading(libc, ruleset, folder)
        return bool(libc.syscall(_SYS_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _ruleset(abi: int) -> bytes:
    """Gives `struct landlock_ruleset_attr` that handles all this kernel knows."""
    rights = _FS_RIGHTS_BY_ABI[min(abi, len(_FS_RIGHTS_BY_ABI) - 1)]
    attributes = struct.pack("=Q", (1 << rights) - 1)
    if abi >= _NET_TCP_ABI:
        attributes += struct.pack("=Q", 0b11)
    if abi >= _SCOPE_ABI:
        attributes += struct.pack("=Q", 0b11)
    return attributes


def _allow_reading(libc: ctypes.CDLL, ruleset: int, folder: str) -> None:
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rule = struct.pack("=Qi", _READ_FILE_AND_FOLDER, descriptor)
        libc.syscall(_SYS_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)

"""Reads the weights of the model that comes next into the page cache, while others finish."""

from __future__ import annotations

import ctypes
import os
import platform
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from ocr_api.observability import get_logger
from ocr_api.weights import Found

_log = get_logger(__name__)
_MIB = 1 << 20
_CHUNK_BYTES = 4 * _MIB
"""Read between two looks whether to stop: some hundredths of a second on a slow disk."""
_SHARE = 0.5
"""Of the memory that is available; the rest is for the pages and models in work."""
_CGROUP = Path("/sys/fs/cgroup")
_SYS_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IOPRIO_IDLE, _IOPRIO_NONE = 3 << 13, 0
_IOPRIO_WHO_PROCESS, _THIS_THREAD = 1, 0


class ReadAhead:
    """Reads at most one model's files at a time, each once for each change.

    Args:
        found: Gives where a model's weights lie; None = nowhere, or it has none.
        tasks: Where the reading is waited for.
        available: Gives the memory that is available, in bytes; None = it cannot be told, and
            nothing is read.
    """

    def __init__(
        self,
        found: Callable[[str], Found | None],
        tasks: TaskGroup,
        available: Callable[[], int | None] | None = None,
    ) -> None:
        self._found = found
        self._tasks = tasks
        self._available = available or available_bytes
        self._one_at_a_time = anyio.CapacityLimiter(1)
        self._reading: dict[str, threading.Event] = {}
        self._changing: set[str] = set()
        self._expected: str | None = None

    def expect(self, model: str | None) -> None:
        """Reads the files of a model that will be next; one that was expected before stops.

        Args:
            model: Which; None = none is to be expected.
        """
        self._stop_expected(model)
        self._expected = model
        if model is not None:
            self._begin(model)

    @contextmanager
    def reading(self, model: str) -> Generator[None]:
        """Reads the files of a model that is being loaded; at the end of the context no more."""
        self._stop_expected(model)
        self._changing.add(model)
        self._begin(model)
        try:
            yield
        finally:
            self._changing.discard(model)
            self._end(model)

    def _stop_expected(self, successor: str | None) -> None:
        known = self._expected
        if known is not None and known != successor and known not in self._changing:
            self._end(known)

    def _begin(self, model: str) -> None:
        found = None if model in self._reading else self._found(model)
        if found is not None:
            stop = self._reading[model] = threading.Event()
            self._tasks.start_soon(self._read, model, found, stop)

    def _end(self, model: str) -> None:
        stop = self._reading.pop(model, None)
        if stop is not None:
            stop.set()

    async def _read(self, model: str, found: Found, stop: threading.Event) -> None:
        began_at = time.monotonic()
        try:
            count = await anyio.to_thread.run_sync(
                read_files,
                found,
                self._available,
                stop,
                abandon_on_cancel=True,
                limiter=self._one_at_a_time,
            )
        except OSError as exc:
            _log.info("model_not_read_ahead", model=model, error=type(exc).__name__)
            return
        finally:
            stop.set()
        took_s = round(time.monotonic() - began_at, 3)
        _log.info("model_read_ahead", model=model, mib=count // _MIB, took_s=took_s)


def read_files(found: Found, available: Callable[[], int | None], stop: threading.Event) -> int:
    """Reads tensor files until they end, the share of the memory is spent, or `stop` is set.

    Blocking.

    Returns:
        Bytes that were read.

    Raises:
        OSError: A file cannot be read.
    """
    left = int(_SHARE * (available() or 0))
    count = 0
    set_io_priority(_IOPRIO_IDLE)
    try:
        for path in tensor_files(found):
            count += _read_file(path, left - count, stop)
    finally:
        set_io_priority(_IOPRIO_NONE)
    return count


def tensor_files(found: Found) -> Sequence[Path]:
    """Gives the tensor files of weights in the order in which they are loaded; blocking."""
    folders = (found.folder, found.adapter_folder)
    return [
        path
        for folder in folders
        if folder is not None
        for path in sorted(folder.glob("*.safetensors"))
    ]


def _read_file(path: Path, most: int, stop: threading.Event) -> int:
    buffer = bytearray(_CHUNK_BYTES)
    count = 0
    with path.open("rb", buffering=0) as file:
        while count < most and not stop.is_set():
            got = file.readinto(memoryview(buffer)[: most - count])
            if not got:
                break
            count += got
    return count


def set_io_priority(priority: int) -> None:
    """Sets the I/O priority of the calling thread; does nothing where that is not known.

    See ioprio_set(2); Python has no call for it.
    """
    number = _SYS_IOPRIO_SET.get(platform.machine()) if os.name == "posix" else None
    if number is not None and platform.system() == "Linux":
        ctypes.CDLL(None).syscall(number, _IOPRIO_WHO_PROCESS, _THIS_THREAD, priority)


def available_bytes() -> int | None:
    """Gives the memory that is available to this machine or container; None = unknown."""
    known = [value for value in (_machine_bytes(), _container_bytes()) if value is not None]
    return min(known, default=None)


def _machine_bytes() -> int | None:
    kib = _field(Path("/proc/meminfo"), "MemAvailable:")
    return None if kib is None else kib * 1024


def _container_bytes() -> int | None:
    """Gives what the limit of a container leaves, its own page cache not counted as used."""
    try:
        limit = int((_CGROUP / "memory.max").read_text("ascii"))
        used = int((_CGROUP / "memory.current").read_text("ascii"))
    except (OSError, ValueError):
        return None
    return limit - used + (_field(_CGROUP / "memory.stat", "inactive_file") or 0)


def _field(path: Path, name: str) -> int | None:
    try:
        lines: Iterable[str] = path.read_text("ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.split()[:1] == [name]]
    return int(found[0]) if found else None

"""One download of a repository at a time, whoever asks, and how far it has come."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

Report = Callable[[int, int | None], None]
"""Takes bytes done and bytes in all; None = not known yet."""

_LOOK_S = 0.5
_TELL_S = 0.25


class Progress:
    """Tells the parent, and those who wait for the same download, how far it has come.

    Args:
        descriptor: Of the file that is locked for the download; the numbers stand in it.
        report: Told at most some times a second.
        clock: Gives seconds.
    """

    def __init__(
        self, descriptor: int, report: Report, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._descriptor = descriptor
        self._report = report
        self._clock = clock
        self._told_at = float("-inf")
        self._done = 0
        self._total: int | None = None

    def expect(self, total: int, done: int) -> None:
        """Notes how many bytes there are, and how many were there already."""
        self._total, self._done = total, done
        self.tell()

    def advance(self, count: int) -> None:
        """Notes further bytes; a negative number takes some back."""
        self._done += count
        if self._clock() - self._told_at >= _TELL_S:
            self.tell()

    def still_there(self) -> None:
        """Tells the same numbers again, where nothing arrives but work goes on."""
        self.advance(0)

    def tell(self) -> None:
        """Tells the numbers at once."""
        self._told_at = self._clock()
        self._report(self._done, self._total)
        text = json.dumps([self._done, self._total]).encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)


@contextmanager
def only_download(path: Path, report: Report) -> Generator[Progress]:
    """Waits until nobody else fetches this, reporting how far the other has come meanwhile.

    The lock ends with the process that holds it, however that ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        while not _is_taken(descriptor):
            report(*_numbers(descriptor))
            time.sleep(_LOOK_S)
        yield Progress(descriptor, report)
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _numbers(descriptor: int) -> tuple[int, int | None]:
    try:
        done, total = cast("tuple[int, int | None]", json.loads(os.pread(descriptor, 200, 0)))
    except ValueError:
        return 0, None
    return done, total

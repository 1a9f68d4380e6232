"""What the document child may use: memory, CPU time, files, and nothing of the file system."""

from __future__ import annotations

import math
import resource
import sys
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Limits of a document child; each is documented in docs/sandbox.md.

    Attributes:
        memory_mib: Address space of the whole process. A page takes up to 13 bytes a pixel
            while it is decoded, on top of its file; interpreter and decoders take 70 MiB.
        cpu_s: CPU seconds for one request; beyond them the kernel ends the process.
        file_mib: Largest file that can be written. It cuts memory files too, so it must exceed
            the pixels of the largest page (3 bytes a pixel).
        open_files: Descriptors at a time.
    """

    memory_mib: int = 1024
    cpu_s: int = 30
    file_mib: int = 512
    open_files: int = 32


def apply_limits(limits: DocumentLimits) -> None:
    """Sets the limits that hold for the life of the process; none can be raised again.

    Call it once everything is imported: the address space counts libraries too.
    The limit on processes has no effect on a process of the superuser.
    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, limits.open_files)
    _lower(resource.RLIMIT_FSIZE, limits.file_mib * MIB)
    _lower(resource.RLIMIT_NPROC, 0)
    if sys.platform == "linux":
        _lower(resource.RLIMIT_AS, limits.memory_mib * MIB)


def allow_cpu(seconds: int) -> None:
    """Lets the process use so many more CPU seconds; beyond them SIGXCPU ends it.

    The kernel counts over the life of a process, so this is called before each request. A handler
    would be of no use: Python runs none while a decoder is inside native code.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = math.ceil(usage.ru_utime + usage.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = used + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard < 0 else min(soft, hard), hard))


def _lower(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (value, value))

"""The machine: processor cores, memory, disk."""

import os
import platform
import shutil
from pathlib import Path

from reproductions.suite.doctor.findings import Findings

#: Where Linux keeps the limit of a container.
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
_GIB = 2**30


def look(findings: Findings) -> None:
    """Tells what the machine has; nothing of it can be wrong."""
    findings.good("system", f"{platform.system()} {platform.release()}, {platform.machine()}")
    findings.good("processor cores", str(_cores()))
    memory = _memory()
    findings.good("memory", "unknown" if memory is None else f"{memory / _GIB:.1f} GiB")
    free = shutil.disk_usage(Path.cwd()).free / _GIB
    few = "; a run may fill it" if free < 1 else ""
    findings.good("free disk space", f"{free:,.1f} GiB in {Path.cwd()}{few}")


def _cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int | None:
    """Bytes of the machine, or of the container if it has fewer."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on every system
        return None
    try:
        return min(memory, int(_MEMORY_LIMIT.read_text()))
    except (OSError, ValueError):  # no such file, or no limit
        return memory

"""The peak memory of this process."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import psutil

__all__ = ["peak_memory_bytes"]

_STATUS = Path("/proc/self/status")
_PEAK = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)


def peak_memory_bytes() -> int | None:
    """Return the peak of the resident memory in bytes; None where the system does not report it."""
    try:
        # getrusage would include the parent's memory from before this program was started.
        found = _PEAK.search(_STATUS.read_text(encoding="ascii", errors="replace"))
    except OSError:
        found = None
    if found:
        return int(found[1]) * 1024
    if sys.platform == "darwin":
        import resource  # noqa: PLC0415  Windows has none

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    memory: Any = psutil.Process().memory_info()
    peak = getattr(memory, "peak_wset", None)
    return int(peak) if peak is not None else None

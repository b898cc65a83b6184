"""The CPU time and memory of a process, on Linux; unknown elsewhere."""

from __future__ import annotations

import os
from pathlib import Path


def cpu_s(pid: int) -> float | None:
    """Returns the CPU seconds that a process has used so far; None without /proc."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    after_name = stat.read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float | None:
    """Returns the peak memory of a process in MiB; None without /proc."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 1024

"""A whole run: the chosen sections in order, their processes stopped at the end."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenroom.bench.accept import accept
from greenroom.bench.bench import Bench, BenchFailed, started
from greenroom.bench.databases import describe
from greenroom.bench.deliver import deliver
from greenroom.bench.enrichment import enrichment
from greenroom.bench.figures import Figure
from greenroom.bench.flood import flood
from greenroom.bench.growth import growth
from greenroom.bench.isolation import isolation
from greenroom.bench.killed import killed
from greenroom.bench.latency import latency
from greenroom.bench.limits import limits
from greenroom.bench.retention import retention
from greenroom.demo.client import Unexpected
from greenroom.demo.processes import Processes, ProcessFailed

SECTIONS: dict[str, Callable[[Bench], list[Figure]]] = {
    "limits": limits,
    "accept": accept,
    "deliver": deliver,
    "latency": latency,
    "enrichment": enrichment,
    "isolation": isolation,
    "flood": flood,
    "growth": growth,
    "killed": killed,
    "retention": retention,
}


@dataclass(frozen=True)
class Report:
    """The figures of a run and its machine; `failed` says why a section has no figures."""

    machine: dict[str, Any]
    database: str
    options: dict[str, Any]
    figures: list[Figure]
    took_s: float
    failed: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "machine": self.machine,
            "database": self.database,
            "options": self.options,
            "took_s": round(self.took_s, 1),
            "failed": self.failed,
            "figures": [figure.as_dict() for figure in self.figures],
        }


def run(
    *,
    server: str | None,
    only: Sequence[str],
    seconds: float,
    rounds: int,
    scale: float,
    full: bool,
    say: Callable[[str], None],
) -> Report:
    """
    Runs the sections and returns their figures.

    `say` gets messages about the progress. A section that fails does not keep the others from being measured.

    Raises:
        ProcessFailed, Unavailable: nothing could be measured at all.
    """
    began = time.monotonic()
    figures: list[Figure] = []
    failed: dict[str, str] = {}
    database = describe(server)
    with Processes(prefix="greenroom-bench-") as processes:
        receiver = started(processes, "receiver", "Receiver is ready")
        generator = started(processes, "load", "Load is ready")
        bench = Bench(processes, server, seconds, rounds, scale, full, say, receiver, generator)
        for name, section in SECTIONS.items():
            if name in only:
                say(name)
                try:
                    bench.behave()
                    figures += section(bench)
                except (BenchFailed, ProcessFailed, Unexpected) as error:
                    failed[name] = str(error)
    options = {"only": list(only), "seconds": seconds, "rounds": rounds, "scale": scale, "full": full}
    return Report(machine(), database, options, figures, time.monotonic() - began, failed)


def machine() -> dict[str, Any]:
    """Returns a description of the machine."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _cpu_model() -> str:
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

"""Attempts that a local fault prevented: how soon they are repeated, and how operators learn of them."""

from __future__ import annotations

import math
import time

import structlog

from greenroom.engine import metrics
from greenroom.errors import LocalFault

log = structlog.get_logger("greenroom.engine")

#: pause of one destination, and of the whole worker, between two probes. A shortage of the process is usually over as
#: soon as some requests have ended; a single destination's fault lasts until an operator acts
DESTINATION_PAUSE_S = 5.0
PROCESS_PAUSE_S = 1.0
#: after this time a destination that was not attempted again is forgotten
FORGET_S = 60.0
#: between two log entries about the same kind of fault
LOG_S = 60.0


class Postponed:
    """
    Paces the repetition of attempts that a `LocalFault` prevented, in one worker.

    After a fault nothing is claimed for a while, then one probe at a time, until an attempt has been made: for the one
    destination, or for the whole worker where the fault is process-wide.
    """

    def __init__(self) -> None:
        self._destinations: dict[str, float] = {}  #: when the pause of each ends, by the monotonic clock
        self._process = -math.inf  #: when the pause of the worker ends; minus infinity without a fault
        self._unlogged: dict[str, int] = {}
        self._logged_at: dict[str, float] = {}

    def add(self, destination_id: str, fault: LocalFault) -> None:
        """Start a pause after an attempt that a fault prevented; count and log it."""
        now = time.monotonic()
        if fault.process_wide:
            self._process = now + PROCESS_PAUSE_S
        else:
            self._destinations[destination_id] = now + DESTINATION_PAUSE_S
        metrics.POSTPONED.labels(fault.kind).inc()
        count = self._unlogged[fault.kind] = self._unlogged.get(fault.kind, 0) + 1
        if now - self._logged_at.get(fault.kind, -math.inf) >= LOG_S:
            self._logged_at[fault.kind], self._unlogged[fault.kind] = now, 0
            log.error("attempts_postponed", kind=fault.kind, error=fault.reason, count=count)

    def attempted(self, destination_id: str) -> None:
        """End the pauses: an attempt at this destination has been made."""
        self._process = -math.inf
        self._destinations.pop(destination_id, None)

    def is_limited(self, destination_id: str) -> bool:
        """Whether a pause, or the probes after it, concern this destination."""
        return self._process > -math.inf or destination_id in self._destinations

    def slots(self, free: int) -> int:
        """How many of the free concurrency slots may be used now."""
        if self._process == -math.inf:
            return free
        return 0 if time.monotonic() < self._process else min(free, 1)

    def limits(self) -> dict[str, int]:
        """The concurrency limits of the destinations that have one: 0 during the pause, then 1."""
        if self._destinations:
            now = time.monotonic()
            self._destinations = {id_: until for id_, until in self._destinations.items() if now < until + FORGET_S}
            return {id_: int(now >= until) for id_, until in self._destinations.items()}
        return {}

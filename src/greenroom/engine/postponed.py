"""Backoff after local faults, which prevent attempts without involving the receiver."""

from __future__ import annotations

import math
import time

import structlog

from greenroom.engine import metrics
from greenroom.errors import LocalFault

log = structlog.get_logger("greenroom.engine")

#: seconds between two probes of one destination, and of the whole worker. A shortage in the process usually ends with
#: some of its requests; a single destination's fault lasts until an operator acts
DESTINATION_PAUSE_S = 5.0
PROCESS_PAUSE_S = 1.0
#: seconds after its pause until a destination that was not attempted again is removed
FORGET_S = 60.0
#: seconds between two log entries about the same kind of fault
LOG_S = 60.0


class Postponed:
    """
    Backoff of one worker after attempts that a `LocalFault` prevented.

    After a fault the worker claims nothing during a pause, then probes with one delivery at a time until an attempt is
    made. Both apply to the one destination, or to the whole worker if the fault is process-wide.
    """

    def __init__(self) -> None:
        self._destinations: dict[str, float] = {}  #: end of each destination's pause, in monotonic seconds
        self._process = -math.inf  #: end of the worker's pause, in monotonic seconds; minus infinity without a fault
        self._unlogged: dict[str, int] = {}
        self._logged_at: dict[str, float] = {}

    def add(self, destination_id: str, fault: LocalFault) -> None:
        """Starts a pause after an attempt that a fault prevented; counts and logs the fault."""
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
        """Ends the pauses after an attempt at this destination was made."""
        self._process = -math.inf
        self._destinations.pop(destination_id, None)

    def is_limited(self, destination_id: str) -> bool:
        """Returns whether a pause or its probes limit this destination."""
        return self._process > -math.inf or destination_id in self._destinations

    def slots(self, free: int) -> int:
        """Returns how many of the free concurrency slots may be used now."""
        if self._process == -math.inf:
            return free
        return 0 if time.monotonic() < self._process else min(free, 1)

    def limits(self) -> dict[str, int]:
        """Returns the concurrency limits of paused destinations: 0 during the pause, then 1."""
        if self._destinations:
            now = time.monotonic()
            self._destinations = {id_: until for id_, until in self._destinations.items() if now < until + FORGET_S}
            return {id_: int(now >= until) for id_, until in self._destinations.items()}
        return {}

"""One log line for all the loops of a process that find the database unavailable."""

from __future__ import annotations

import time

import structlog

from greenroom.errors import Unavailable

log = structlog.get_logger("greenroom.engine")

#: shortest time in seconds between two lines; twenty loops fail at the same moment, and each tries again
PERIOD_S = 1.0

_last = float("-inf")


def log_outage(error: Unavailable) -> None:
    """Logs `database_away`, at most once in `PERIOD_S` per process."""
    global _last
    if time.monotonic() - _last < PERIOD_S:
        return
    _last = time.monotonic()
    log.warning("database_away", error=error.message)

"""Clock check against the database, since receivers refuse signatures with a wrong time."""

from __future__ import annotations

import time
from datetime import timedelta

import structlog

from greenroom.context import Context
from greenroom.engine import metrics
from greenroom.services import clock

log = structlog.get_logger("greenroom.engine")

#: largest accepted clock skew; receivers of Standard Webhooks accept five minutes
MOST_OFF = timedelta(seconds=60)
#: seconds between two checks, seconds between two checks while the clock is off, and the step in seconds after which
#: the next check is due at once
PERIOD_S = 30.0
PERIOD_OFF_S = 1.0
STEP_S = 1.0


class Clock:
    """
    Periodic comparison of the local clock with the database's, repeated at once after a step.

    Due times and leases use the database's clock and do not depend on this check.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._right = True
        self._check_at = time.monotonic()
        self._offset = self._now_offset()

    @property
    def was_right(self) -> bool:
        """Returns whether the last check passed and the clock has not been set since."""
        return self._right and self._is_unchanged()

    async def is_right(self) -> bool:
        """
        Returns whether receivers will accept the time in a signature made now.

        Checks first when a check is due.

        Raises:
            Unavailable: the database is unavailable.
        """
        if time.monotonic() >= self._check_at or not self._is_unchanged():
            await self.look()
        return self._right

    async def look(self) -> None:
        """
        Compares the clocks now and logs when the result changes.

        Raises:
            Unavailable: the database is unavailable.
        """
        offset = self._now_offset()
        off = await clock.skew(self._ctx)
        right = abs(off) <= MOST_OFF
        metrics.CLOCK_SKEW.set(off.total_seconds())
        if not right and self._right:
            log.error(
                "clock_off",
                seconds=round(off.total_seconds()),
                note="nothing is sent until this machine's clock is right: its signatures would be refused",
            )
        elif right and not self._right:
            log.info("clock_right", seconds=round(off.total_seconds()))
        self._right, self._offset = right, offset
        self._check_at = time.monotonic() + (PERIOD_S if right else PERIOD_OFF_S)

    def _is_unchanged(self) -> bool:
        """Returns whether the clock has not been set since the last check."""
        return abs(self._now_offset() - self._offset) <= STEP_S

    def _now_offset(self) -> float:
        """Returns wall time minus monotonic time, in seconds; constant unless the clock is set."""
        return self._ctx.now().timestamp() - time.monotonic()

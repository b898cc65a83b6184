"""This machine's clock beside the database's: receivers refuse what is signed with another time than theirs."""

from __future__ import annotations

import time
from datetime import timedelta

import structlog

from greenroom.context import Context
from greenroom.engine import metrics
from greenroom.services import clock

log = structlog.get_logger("greenroom.engine")

#: how far it may be off; receivers of Standard Webhooks accept five minutes
MOST_OFF = timedelta(seconds=60)
#: between two looks; while it is off; and a step since the last look that calls for another one at once
PERIOD_S = 30.0
PERIOD_OFF_S = 1.0
STEP_S = 1.0


class Clock:
    """Compares now and then, and at once when the clock was set. Due times and leases are the database's anyway."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._right = True
        self._look_at = time.monotonic()
        self._offset = self._now_offset()

    @property
    def was_right(self) -> bool:
        """Whether it was at the last look, and has not been set since."""
        return self._right and self._stands()

    async def is_right(self) -> bool:
        """
        Whether what is signed now will be accepted.

        Raises:
            Unavailable: the database is away.
        """
        if time.monotonic() >= self._look_at or not self._stands():
            await self.look()
        return self._right

    async def look(self) -> None:
        """
        Compare now.

        Raises:
            Unavailable: the database is away.
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
        self._look_at = time.monotonic() + (PERIOD_S if right else PERIOD_OFF_S)

    def _stands(self) -> bool:
        """Nobody has set it since the last look."""
        return abs(self._now_offset() - self._offset) <= STEP_S

    def _now_offset(self) -> float:
        """Stays the same for as long as nobody sets the clock."""
        return self._ctx.now().timestamp() - time.monotonic()

"""The simulator's virtual clock. Nothing else in the package reads the time of day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.model.wire import ClockState

# Ten years either way keeps every date arithmetic far from datetime's own limits.
FARTHEST = timedelta(days=3653)


def in_utc(at: datetime) -> datetime:
    """An aware time in UTC; refused when it is beyond what a date can be."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise Refused("must be within ten years of today", "now") from None


class Clock:
    """Runs with real time at an offset, or stands still. All times are aware UTC."""

    def __init__(self, state: ClockState) -> None:
        self.state = state

    def now(self) -> datetime:
        """The virtual present."""
        if self.state.frozen_at is not None:
            return self.state.frozen_at
        return datetime.now(UTC) + timedelta(seconds=self.state.offset_seconds)

    @property
    def running(self) -> bool:
        """Whether it moves by itself."""
        return self.state.frozen_at is None

    def set(self, to: datetime) -> None:
        """Jumps to an instant and keeps running (or standing). Refused when more than ten years away."""
        real = datetime.now(UTC)
        if abs(to - real) > FARTHEST:
            raise Refused("must be within ten years of today", "now")
        if self.state.frozen_at is not None:
            self.state.frozen_at = to
        else:
            self.state.offset_seconds = (to - real).total_seconds()

    def run(self, running: bool) -> None:
        """Starts or freezes it at the present instant."""
        now = self.now()
        self.state.frozen_at = None if running else now
        if running:
            self.set(now)

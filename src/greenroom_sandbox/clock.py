"""The simulator's virtual clock; no other module reads the time of day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.model.wire import ClockState

#: largest distance from real time; it keeps date arithmetic far from the limits of datetime
FARTHEST = timedelta(days=3653)


def in_utc(at: datetime) -> datetime:
    """Converts an aware time to UTC.

    Raises: `Refused` when the result is beyond the range of a datetime.
    """
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise Refused("must be within ten years of today", "now") from None


class Clock:
    """A clock that runs with real time at an offset, or is frozen.

    All times are aware and in UTC.
    """

    def __init__(self, state: ClockState) -> None:
        self.state = state

    def now(self) -> datetime:
        """Returns the virtual time."""
        if self.state.frozen_at is not None:
            return self.state.frozen_at
        return datetime.now(UTC) + timedelta(seconds=self.state.offset_seconds)

    @property
    def running(self) -> bool:
        """Whether the clock runs with real time."""
        return self.state.frozen_at is None

    def set(self, to: datetime) -> None:
        """Sets the clock to a time.

        A running clock keeps running, a frozen one stays frozen. Raises: `Refused` when the time is more than ten
        years from the real one.
        """
        real = datetime.now(UTC)
        if abs(to - real) > FARTHEST:
            raise Refused("must be within ten years of today", "now")
        if self.state.frozen_at is not None:
            self.state.frozen_at = to
        else:
            self.state.offset_seconds = (to - real).total_seconds()

    def run(self, running: bool) -> None:
        """Starts the clock, or freezes it at its present time."""
        now = self.now()
        self.state.frozen_at = None if running else now
        if running:
            self.set(now)

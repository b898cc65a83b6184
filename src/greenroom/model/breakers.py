"""A circuit breaker: what a destination's troubles mean for what may leave for it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from greenroom.errors import RemoteError, TryLater
from greenroom.model.deliveries import PER_DESTINATION

Health = Literal["closed", "open", "half_open"]

#: failures in a row that open it: a deployment's hiccup is over before that
OPENS_AT = 5
#: wait before the first probe; it doubles with each probe that fails
FIRST_WAIT_MS = 30_000
LONGEST_WAIT_MS = 15 * 60_000
#: failures in a row, or of one delivery, of which its project is told
TOLD_AT = 4
#: attempts at a time with which it is closed again, and only the common limit holds
WHOLE_ROOM = 16
#: kinds of failure that mean that nobody is at home; so does a 5xx
DOWN = frozenset({"connect", "timeout", "reset", "tls", "dns", "dns_unknown"})


@dataclass(frozen=True)
class Breaker:
    """
    The troubles of one destination. Times are the database's, in ms since 1970; `open_until` 0 means not open.

    Open until `open_until`: nothing leaves. Then half-open: `room` attempts at a time, one at first, twice as many with
    each round that succeeds; with the whole room it is closed. `told`: its project was told that it fails, and nothing
    since. One that is as new has no troubles.
    """

    failures: int = 0
    trips: int = 0
    open_until: int = 0
    room: int = WHOLE_ROOM
    last_error: str = ""
    told: bool = False

    def health(self, now: int) -> Health:
        """What people call its state."""
        if self.open_until > now:
            return "open"
        return "half_open" if self.room < WHOLE_ROOM else "closed"

    def places(self, now: int) -> int:
        """How many attempts may be under way now."""
        if self.open_until > now:
            return 0
        return self.room if self.room < WHOLE_ROOM else PER_DESTINATION

    def failed(self, error: str, now: int) -> Breaker:
        """After an attempt that found nobody at home. What was under way when it opened does not open it again."""
        worse = replace(self, failures=self.failures + 1, last_error=error)
        if self.open_until > now or (worse.failures < OPENS_AT and self.room == WHOLE_ROOM):
            return worse
        wait = min(FIRST_WAIT_MS * 2**self.trips, LONGEST_WAIT_MS)
        return replace(worse, trips=min(self.trips + 1, 16), open_until=now + wait, room=1)

    def answered(self, now: int, *, well: bool) -> Breaker:
        """After an attempt that was answered, with a success if `well`. A pause that was asked for goes on."""
        told = self.told and not well
        if self.open_until > now and not self.failures:
            return replace(self, told=told)
        if self.room + 1 < WHOLE_ROOM:
            return replace(self, failures=0, open_until=0, room=self.room + 1, told=told)
        return Breaker(told=True, last_error=self.last_error) if told else Breaker()

    def paused(self, error: str, wait_ms: int, now: int) -> Breaker:
        """After it asked to be left alone for so long."""
        until = max(self.open_until, now + wait_ms)
        return replace(self, failures=0, open_until=until, room=1, last_error=error)


def is_down(fault: RemoteError | None, status: int | None) -> bool:
    """Whether a failure means that nobody is at home, as opposed to an answer that refuses."""
    return isinstance(fault, TryLater) and (fault.kind in DOWN or (status is not None and status >= 500))

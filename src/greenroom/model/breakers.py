"""A circuit breaker: limits the attempts at a destination that fails. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from greenroom.errors import RemoteError, TryLater
from greenroom.model.deliveries import PER_DESTINATION

Health = Literal["closed", "open", "half_open"]

#: consecutive failures that open a breaker; a receiver's deployment usually causes fewer
OPENS_AT = 5
#: wait before the first probe, in ms; it doubles with each failed probe
FIRST_WAIT_MS = 30_000
#: longest wait before a probe, in ms
LONGEST_WAIT_MS = 15 * 60_000
#: consecutive failures of a destination, or failed attempts at one delivery, after which the project is notified
ALERT_AFTER = 4
#: concurrency limit at which a half-open breaker closes; from there on `PER_DESTINATION` is the limit
FULL_LIMIT = 16
#: kinds of failure that mean that the endpoint is unreachable or down; a 5xx answer means the same
DOWN = frozenset({"connect", "timeout", "reset", "tls", "dns", "dns_unknown"})


@dataclass(frozen=True)
class Failure:
    """
    The attempts at a destination that failed since the last one that succeeded. Times are in ms since 1970.

    `kind`, `status`, `reason` and `delivery_id` are the latest attempt's; `delivery_id` is '' for a test event.
    """

    since: int
    at: int
    count: int
    kind: str
    status: int | None
    reason: str
    delivery_id: str


@dataclass(frozen=True)
class Breaker:
    """
    The failure state of one destination. Times are in ms since 1970 by the database's clock.

    Until `open_until` the breaker is open and no attempt starts; 0 means not open. Then it is half-open: `limit` is the
    concurrency limit, which starts at one and grows by one with each answer, until the breaker closes at `FULL_LIMIT`.
    `notified` is set once the project was notified of the failure, until an attempt succeeds. `failure` is set
    until then, too. `Breaker()` is healthy.
    """

    failures: int = 0
    trips: int = 0
    open_until: int = 0
    limit: int = FULL_LIMIT
    last_error: str = ""
    notified: bool = False
    failure: Failure | None = None

    def health(self, now: int) -> Health:
        """Returns the state: closed, open or half_open."""
        if self.open_until > now:
            return "open"
        return "half_open" if self.limit < FULL_LIMIT else "closed"

    def free_slots(self, now: int) -> int:
        """Returns how many attempts may be in flight now."""
        if self.open_until > now:
            return 0
        return self.limit if self.limit < FULL_LIMIT else PER_DESTINATION

    def failed(self, error: str, now: int) -> Breaker:
        """
        Returns the breaker after an attempt at an endpoint that was unreachable or down.

        Attempts that were in flight when the breaker opened do not open it again.
        """
        worse = replace(self, failures=self.failures + 1, last_error=error)
        if self.open_until > now or (worse.failures < OPENS_AT and self.limit == FULL_LIMIT):
            return worse
        wait = min(FIRST_WAIT_MS * 2**self.trips, LONGEST_WAIT_MS)
        return replace(worse, trips=min(self.trips + 1, 16), open_until=now + wait, limit=1)

    def answered(self, now: int, *, well: bool) -> Breaker:
        """
        Returns the breaker after an attempt that was answered; `well` means with a success.

        A pause that the endpoint asked for goes on.
        """
        notified = self.notified and not well
        if self.open_until > now and not self.failures:
            return replace(self, notified=notified)
        if self.limit + 1 < FULL_LIMIT:
            return replace(self, failures=0, open_until=0, limit=self.limit + 1, notified=notified)
        return Breaker(notified=True, last_error=self.last_error) if notified else Breaker()

    def paused(self, error: str, wait_ms: int, now: int) -> Breaker:
        """Returns the breaker after the endpoint asked for a pause of `wait_ms`."""
        until = max(self.open_until, now + wait_ms)
        return replace(self, failures=0, open_until=until, limit=1, last_error=error)


def add_failure(before: Failure | None, fault: RemoteError, status: int | None, delivery_id: str, now: int) -> Failure:
    """Returns the failed attempts since the last success, after another one."""
    return Failure(
        since=before.since if before else now,
        at=now,
        count=before.count + 1 if before else 1,
        kind=fault.kind,
        status=status,
        reason=fault.reason,
        delivery_id=delivery_id,
    )


def is_down(fault: RemoteError | None, status: int | None) -> bool:
    """Returns whether a failure means that the endpoint is unreachable or down, not that it refused the request."""
    return isinstance(fault, TryLater) and (fault.kind in DOWN or (status is not None and status >= 500))

"""How fast deliveries may leave for a destination that has asked for a limit. No I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

#: what may be saved up while nothing waits, in seconds' worth of the rate; so any ten seconds see 1.05 times the rate
#: at the most, or one delivery more
BURST_S = 0.5
#: a worker looks again no sooner than this: then more than one may have become free
LOOK_S = 0.05


@dataclass(frozen=True)
class Bucket:
    """
    A token bucket: `per_second` deliveries; `spent_to` is the time, in µs since 1970 by the database's clock, up to
    which its tokens are spent.
    """

    per_second: float
    spent_to: int

    def tokens(self, now: int) -> int:
        """How many deliveries may leave now."""
        return max(0, math.floor((now - self._begins(now)) * self.per_second / 1e6 + 1e-6))

    def taken(self, count: int, now: int) -> Bucket:
        """The bucket after so many have left."""
        return replace(self, spent_to=self._begins(now) + round(count * 1e6 / self.per_second))

    def wait_s(self, now: int) -> float:
        """When it is worth to look again, given that all tokens are taken."""
        return max(LOOK_S, (self._begins(now) - now) / 1e6 + 1 / self.per_second)

    def _begins(self, now: int) -> int:
        # a slow one saves up a single delivery
        saved_s = max(BURST_S, 1 / self.per_second)
        return max(self.spent_to, now - round(saved_s * 1e6))

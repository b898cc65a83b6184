"""A token bucket that limits the deliveries per second to a destination. No I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

#: burst: tokens that an idle bucket saves up, in seconds of the rate. Any ten seconds see at most 1.05 times the rate,
#: or one delivery more
BURST_S = 0.5
#: shortest wait of a worker for tokens, in seconds, so that several tokens may be available afterwards
LOOK_S = 0.05


@dataclass(frozen=True)
class Bucket:
    """
    A token bucket that is refilled with `per_second` tokens, one for each delivery.

    Tokens are spent up to the time `spent_to`, in µs since 1970 by the database's clock.
    """

    per_second: float
    spent_to: int

    def tokens(self, now: int) -> int:
        """Returns how many tokens are available now."""
        return max(0, math.floor((now - self._begins(now)) * self.per_second / 1e6 + 1e-6))

    def taken(self, count: int, now: int) -> Bucket:
        """Returns the bucket after `count` tokens were taken."""
        return replace(self, spent_to=self._begins(now) + round(count * 1e6 / self.per_second))

    def wait_s(self, now: int) -> float:
        """Returns the seconds until the next token, at least `LOOK_S`, if all tokens are taken now."""
        return max(LOOK_S, (self._begins(now) - now) / 1e6 + 1 / self.per_second)

    def _begins(self, now: int) -> int:
        # a bucket with a low rate saves up a single token
        saved_s = max(BURST_S, 1 / self.per_second)
        return max(self.spent_to, now - round(saved_s * 1e6))

"""Rate limits with fixed windows of time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class RateLimitStatus:
    """The outcome of one request to a rate limit.

    ``reset`` is the end of the window in epoch seconds, ``wait`` the whole seconds until then.
    """

    allowed: bool
    limit: int
    remaining: int
    reset: int
    wait: int

    @property
    def headers(self) -> dict[str, str]:
        """The rate-limit headers. Source: Harvest v3, Rate limiting."""
        said = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset),
        }
        return said if self.allowed else {**said, "retry-after": str(self.wait)}


class FixedWindows:
    """The latest window of each key; windows begin at multiples of their length."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[int, int]] = {}

    def clear(self) -> None:
        """Removes every count."""
        self._used.clear()

    def count(self, key: str, limit: int, seconds: int, now: datetime) -> RateLimitStatus:
        """Counts one request; requests over the limit are not counted."""
        start = int(now.timestamp() // seconds) * seconds
        began, used = self._used.get(key, (start, 0))
        used = used if began == start else 0
        allowed = used < limit
        self._used[key] = (start, used + allowed)
        wait = max(1, math.ceil(start + seconds - now.timestamp()))
        return RateLimitStatus(allowed, limit, max(0, limit - used - 1), start + seconds, wait)

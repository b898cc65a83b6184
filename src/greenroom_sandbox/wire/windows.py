"""Counting requests in fixed windows of time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Turn:
    """One request in its window; ``reset`` is the window's end as an epoch, ``wait`` the whole seconds until then."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    wait: int

    @property
    def headers(self) -> dict[str, str]:
        """As Greenhouse says it. Source: Harvest v3, Rate limiting."""
        said = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset),
        }
        return said if self.allowed else {**said, "retry-after": str(self.wait)}


class Windows:
    """One window a key, the latest; windows begin at multiples of their length."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[int, int]] = {}

    def clear(self) -> None:
        """Forgets every count."""
        self._used.clear()

    def take(self, key: str, limit: int, seconds: int, now: datetime) -> Turn:
        """Counts one request; refused ones are not counted."""
        start = int(now.timestamp() // seconds) * seconds
        began, used = self._used.get(key, (start, 0))
        used = used if began == start else 0
        allowed = used < limit
        self._used[key] = (start, used + allowed)
        wait = max(1, math.ceil(start + seconds - now.timestamp()))
        return Turn(allowed, limit, max(0, limit - used - 1), start + seconds, wait)

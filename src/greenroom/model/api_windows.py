"""The fixed window of a rate limit that an ATS's API applies to an account. Pure: no clock, no database."""

from __future__ import annotations

from dataclasses import dataclass, replace

#: milliseconds of a window, and the requests in it until an answer says how many there are
WINDOW_MS = 30_000
USUAL_SIZE = 50
#: a block ends after this time at most, whatever Retry-After says
LONGEST_BLOCK_MS = 600_000


@dataclass(frozen=True)
class ApiWindow:
    """
    A window of requests; times are in ms since 1970.

    `window_id` is the end of the window as the ATS writes it, by the ATS's clock, and only tells windows apart. `spare`
    requests are left of `size`. Until `blocked_until` no request may be made.
    """

    window_id: int = 0
    ends_at: int = 0
    spare: int = 0
    size: int = USUAL_SIZE
    blocked_until: int = 0

    def wait_ms(self, now: int) -> int:
        """Returns the milliseconds until a request may be made, 0 if now."""
        until = self.blocked_until
        if self.ends_at > now and self.spare <= 0:
            until = max(until, self.ends_at)
        return max(0, until - now)

    def took(self, now: int) -> ApiWindow:
        """Returns the window after a request, which begins a new window when the last one has ended."""
        if self.ends_at > now:
            return replace(self, spare=self.spare - 1)
        return replace(self, ends_at=now + WINDOW_MS, spare=self.size - 1)

    def answered(self, now: int, *, window_id: int, spare: int, size: int, ends_in_ms: int) -> ApiWindow:
        """
        Returns the window after an answer, whose headers describe the ATS's own window.

        An end that is past or too far means that the two clocks differ: a whole window is assumed then.
        """
        if window_id < self.window_id:
            return self  # an answer of an earlier window arrived late
        if window_id > self.window_id:
            ends_at = now + (ends_in_ms if 0 < ends_in_ms <= WINDOW_MS else WINDOW_MS)
            return replace(self, window_id=window_id, ends_at=ends_at, spare=spare, size=size)
        return replace(self, spare=min(self.spare, spare), size=size)

    def blocked(self, now: int, wait_ms: int) -> ApiWindow:
        """Returns the window after a refusal that asks for a wait."""
        return replace(self, blocked_until=max(self.blocked_until, now + min(wait_ms, LONGEST_BLOCK_MS)))

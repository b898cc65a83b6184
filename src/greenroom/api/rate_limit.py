"""The rate limit per API key and minute, shared by all processes on one database."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from greenroom.context import Context
from greenroom.errors import TooManyRequests, Unavailable
from greenroom.model.projects import Project
from greenroom.services import projects

#: limit of permits that a process draws from the database at a time
BLOCK = 20
#: a block is at most one eighth of the remaining permits, so that one process does not hoard those of another
SHARE = 8
#: seconds without counting after a write to the database failed: reads may still be possible
UNCOUNTED_S = 5.0
#: refusals per window that the request log records: a client can repeat a refused request 10,000 times a second
LOGGED_REFUSALS = 100


@dataclass(frozen=True)
class Refusal:
    """A 429 error with the key's project; `listed` says whether the request log records the request."""

    project: Project
    error: TooManyRequests
    listed: bool


@dataclass
class _Window:
    """
    The state of a key's window in this process.

    `remaining` is the number of permits left in the database at the last draw, `refused` the number of requests refused
    since then.
    """

    project: Project
    until: float = -math.inf
    permits: float = 0
    remaining: int = 0
    refused: int = 0
    drawing: asyncio.Lock = field(default_factory=asyncio.Lock)


class RateLimit:
    """
    A limit of `GREENROOM_RATE_LIMIT` requests per API key and minute; 0 means no limit.

    A window is a minute of the database's clock that begins with a key's first request. A process draws permits from
    the database in blocks and spends them from memory, so that most requests need no write. Blocks shrink as the window
    fills: a single process can spend every permit, and several processes together never exceed the limit. Holds one
    small entry in memory per key in use.
    """

    def __init__(self, ctx: Context, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ctx = ctx
        self._limit = ctx.settings.rate_limit
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    async def spend(self, key: str, project: Project) -> None:
        """
        Takes one permit of a project's API key.

        Raises:
            TooManyRequests: no permit is left in this window; `retry_after` is the number of seconds until it ends.
            Unauthorized: the key was revoked in the meantime.
        """
        window = self._windows.setdefault(key, _Window(project))
        if self._take_permit(window):
            return
        async with window.drawing:
            while not self._take_permit(window):
                await self._draw_permits(key, window)

    def refuse(self, key: str) -> Refusal | None:
        """
        Returns the refusal of a key known to have no permit left, or None.

        None means that the key has to be looked up. A key that was revoked meanwhile gets 429 until its window ends.
        """
        window = self._windows.get(key)
        error = self._get_error(window) if window else None
        if window is None or error is None:
            return None
        window.refused += 1
        return Refusal(window.project, error, listed=window.refused <= LOGGED_REFUSALS)

    def _take_permit(self, window: _Window) -> bool:
        """Spends a permit from memory; returns False if the database has to be asked."""
        spent = self._get_error(window)
        if spent is not None:
            raise spent
        if window.until <= self._clock() or window.permits < 1:
            return False
        window.permits -= 1
        return True

    def _get_error(self, window: _Window) -> TooManyRequests | None:
        """Returns the 429 error of a key without permits in this window; None if memory or database may have one."""
        left_s = window.until - self._clock()
        if left_s <= 0 or window.permits >= 1 or window.remaining:
            return None
        wait = math.ceil(left_s)
        return TooManyRequests(
            f"This API key has made its {self._limit} requests of this minute. Come back in {wait} s.", retry_after=wait
        )

    async def _draw_permits(self, key: str, window: _Window) -> None:
        queried_at = self._clock()
        known = window.remaining if queried_at < window.until else self._limit
        wanted = min(max(known // SHARE, 1), BLOCK) if self._limit else 0
        try:
            used, left = await projects.draw_permits(self._ctx, key, wanted)
        except Unavailable:
            window.until, window.permits = queried_at + UNCOUNTED_S, math.inf
            return
        # the window's end is measured from before the query, so that no permit is spent after it
        window.until, window.refused = queried_at + left.total_seconds(), 0
        window.remaining = max(self._limit - used, 0)
        window.permits = min(wanted, max(self._limit - (used - wanted), 0)) if self._limit else math.inf

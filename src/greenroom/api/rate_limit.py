"""How many requests an API key may make in a minute, counted together by every process on one database."""

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

#: permits that a process draws at once, at the most
BLOCK = 20
#: a block is at most this share of what is left, so that no process sits on permits that another one needs
SHARE = 8
#: how long nothing is counted after the database could not be written: reads may still be possible
UNCOUNTED_S = 5.0
#: refusals of a window that the request log has: a client that repeats what is refused can do so 10,000 times a second
LISTED = 100


@dataclass(frozen=True)
class Refusal:
    """What a key is told, whose it is, and whether the request log has a line of it: not of a flood's every drop."""

    project: Project
    error: TooManyRequests
    listed: bool


@dataclass
class _Window:
    """
    What this process holds of a key's window; `remaining` is what the database had left at the last draw, `refused` how
    many requests were refused since.
    """

    project: Project
    until: float = -math.inf
    permits: float = 0
    remaining: int = 0
    refused: int = 0
    drawing: asyncio.Lock = field(default_factory=asyncio.Lock)


class RateLimit:
    """
    Permits for requests, per API key and minute; `GREENROOM_RATE_LIMIT` of them, any number when that is 0.

    A window is a minute of the database's clock that begins with a key's first request. A process draws permits in
    blocks and spends them here, so that a request costs no write on average. Blocks shrink as the window fills: one
    process alone gets every permit, several together never more than there are. Holds one small entry per key in use.
    """

    def __init__(self, ctx: Context, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ctx = ctx
        self._limit = ctx.settings.rate_limit
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    async def spend(self, key: str, project: Project) -> None:
        """
        Take one permit of a project's API key.

        Raises:
            TooManyRequests: none is left in this window; `retry_after` is when it ends.
            Unauthorized: the key has just gone.
        """
        window = self._windows.setdefault(key, _Window(project))
        if self._take(window):
            return
        async with window.drawing:
            while not self._take(window):
                await self._draw(key, window)

    def refuse(self, key: str) -> Refusal | None:
        """
        The refusal of a key that is known to have no permit left; None: it has to be looked up.

        A key that was revoked meanwhile is told the same until its window ends.
        """
        window = self._windows.get(key)
        error = self._spent(window) if window else None
        if window is None or error is None:
            return None
        window.refused += 1
        return Refusal(window.project, error, listed=window.refused <= LISTED)

    def _take(self, window: _Window) -> bool:
        """Spend a permit that is here; False: ask the database."""
        spent = self._spent(window)
        if spent is not None:
            raise spent
        if window.until <= self._clock() or window.permits < 1:
            return False
        window.permits -= 1
        return True

    def _spent(self, window: _Window) -> TooManyRequests | None:
        """What a key is told that has no permit in this window; None: one is here, or the database may have one."""
        left_s = window.until - self._clock()
        if left_s <= 0 or window.permits >= 1 or window.remaining:
            return None
        wait = math.ceil(left_s)
        return TooManyRequests(
            f"This API key has made its {self._limit} requests of this minute. Come back in {wait} s.", retry_after=wait
        )

    async def _draw(self, key: str, window: _Window) -> None:
        asked_at = self._clock()
        known = window.remaining if asked_at < window.until else self._limit
        wanted = min(max(known // SHARE, 1), BLOCK) if self._limit else 0
        try:
            used, left = await projects.draw_permits(self._ctx, key, wanted)
        except Unavailable:
            window.until, window.permits = asked_at + UNCOUNTED_S, math.inf
            return
        # counted from before the question, so that no permit is spent in the window after its own
        window.until, window.refused = asked_at + left.total_seconds(), 0
        window.remaining = max(self._limit - used, 0)
        window.permits = min(wanted, max(self._limit - (used - wanted), 0)) if self._limit else math.inf

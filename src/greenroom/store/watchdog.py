"""Whether a database is still there, while somebody waits for it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

log = structlog.get_logger("greenroom.store")

#: how often we look, and how long nothing may be heard of a database before it is asked whether it is there
BEAT_S = 0.2


class Connection(Protocol):
    """A connection that can be dropped: then whoever waits for it hears so at once."""

    def terminate(self) -> None:
        """Drop it, without a word to the other side."""
        ...


class Watchdog:
    """
    Ends the wait for a database that is silent: frozen, or behind a network that swallows everything.

    Work may last while the database does it. So only when nothing has been heard for a while, by nobody, is the
    database asked: `answers` says whether it answers somebody new. If it does not, `drop_all` drops what is connected.
    """

    def __init__(self, answers: Callable[[], Awaitable[bool]], drop_all: Callable[[], None]) -> None:
        self._answers = answers
        self._drop_all = drop_all
        self._at_work: dict[Connection, tuple[float, float]] = {}
        self._heard_at = -math.inf
        self._beating: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, connection: Connection, *, within: float = math.inf) -> Iterator[None]:
        """A connection at work, which is dropped when that lasts longer than `within` seconds."""
        began = time.monotonic()
        self._at_work[connection] = (began, began + within)
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat(), name="pulse")
        try:
            yield
            self._heard_at = time.monotonic()
        finally:
            del self._at_work[connection]

    def stop(self) -> None:
        """Nobody is at work any more."""
        if self._beating is not None:
            self._beating.cancel()

    async def _beat(self) -> None:
        try:
            while self._at_work:
                await asyncio.sleep(BEAT_S)
                now = time.monotonic()
                if self._is_quiet(now) and not await self._answers() and self._heard_at < now:
                    log.warning("database_silent")
                    self._drop_all()
                for connection in [one for one, (_, end) in self._at_work.items() if end <= now]:
                    log.warning("database_connection_stuck")
                    connection.terminate()
        finally:
            self._beating = None

    def _is_quiet(self, now: float) -> bool:
        """Whether somebody waits, and nobody has heard anything for a beat."""
        first = min((began for began, _ in self._at_work.values()), default=now)
        return max(first, self._heard_at) <= now - BEAT_S

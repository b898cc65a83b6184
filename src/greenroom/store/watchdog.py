"""A watchdog for silent databases."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

log = structlog.get_logger("greenroom.store")

#: interval of heartbeats, and time without an answer after which the database is probed, in seconds
BEAT_S = 0.2


class Connection(Protocol):
    """A connection that can be dropped, which fails pending operations at once."""

    def terminate(self) -> None:
        """Drops the connection without notifying the server."""
        ...


class Watchdog:
    """
    Ends the wait for a silent database: one that is frozen, or behind a network that drops all packets.

    Long statements are allowed. When no connection had an answer for a heartbeat, the database is probed: `answers`
    returns whether it answers a new connection. If it does not, `drop_all` drops all connections.
    """

    def __init__(self, answers: Callable[[], Awaitable[bool]], drop_all: Callable[[], None]) -> None:
        self._answers = answers
        self._drop_all = drop_all
        self._in_use: dict[Connection, tuple[float, float]] = {}
        self._heard_at = -math.inf
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, connection: Connection, *, within: float = math.inf) -> Iterator[None]:
        """Watches a connection in use, which is dropped after `within` seconds."""
        began = time.monotonic()
        self._in_use[connection] = (began, began + within)
        if self._task is None:
            self._task = asyncio.create_task(self._beat(), name="database-watchdog")
        try:
            yield
            self._heard_at = time.monotonic()
        finally:
            del self._in_use[connection]

    def stop(self) -> None:
        """Stops the watchdog."""
        if self._task is not None:
            self._task.cancel()

    async def _beat(self) -> None:
        try:
            while self._in_use:
                await asyncio.sleep(BEAT_S)
                now = time.monotonic()
                if self._is_quiet(now) and not await self._answers() and self._heard_at < now:
                    log.warning("database_silent")
                    self._drop_all()
                for connection in [one for one, (_, end) in self._in_use.items() if end <= now]:
                    log.warning("database_connection_stuck")
                    connection.terminate()
        finally:
            self._task = None

    def _is_quiet(self, now: float) -> bool:
        """Returns whether connections are in use, and none had an answer for a heartbeat."""
        first = min((began for began, _ in self._in_use.values()), default=now)
        return max(first, self._heard_at) <= now - BEAT_S

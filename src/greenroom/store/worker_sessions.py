"""
Detects dead workers: each live worker holds an advisory lock in a PostgreSQL session of its own.

The session and its lock end with the connection, at once when the process is killed, whatever machine it ran on. Any
role may take such a lock and read the holders (`pg_locks`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

import asyncpg

from greenroom.errors import Unavailable
from greenroom.model.claims import MARK

_FAILED = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_LOCK = "SELECT pg_backend_pid() AS pid, pg_try_advisory_lock(hashtextextended($1, 0)) AS held"
_DEAD = f"""
SELECT pg_backend_pid() AS pid, ARRAY(
    SELECT worker FROM (
        SELECT DISTINCT split_part(lease, '{MARK}', 1) AS worker FROM deliveries
        WHERE lease > '' AND strpos(lease, '{MARK}') > 0
    ) AS holders
    WHERE hashtextextended(worker, 0) NOT IN (
        SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
) AS dead
"""  # noqa: S608


class PostgresWorkerSession:
    """
    A `WorkerSession` on a connection of its own.

    `connect` opens the connection; `watching` ends the wait for a silent database. The backend must stay the one that
    took the lock: a pooler that assigns connections per transaction would pass it to other clients, so behind such a
    pooler the session counts as lost.
    """

    def __init__(
        self,
        worker: str,
        connect: Callable[[], Awaitable[asyncpg.Connection[Any]]],
        watching: Callable[[asyncpg.Connection[Any]], AbstractContextManager[None]],
    ) -> None:
        self.held = False
        self.held_at = self.lost_at = -math.inf
        self._worker = worker
        self._connect = connect
        self._watching = watching
        self._connection: asyncpg.Connection[Any] | None = None
        self._pid = 0

    async def dead_workers(self) -> frozenset[str]:
        try:
            connection = self._connection or await self._open()
            with self._watching(connection):
                if not self.held and not await self._lock(connection):
                    return frozenset()
                row = await connection.fetchrow(_DEAD)
        except _FAILED as error:
            self.close()
            raise Unavailable from error
        if row is None or row["pid"] != self._pid:
            self.close()
            raise Unavailable("The database gave the session's connection to another client.")
        return frozenset(row["dead"])

    async def _open(self) -> asyncpg.Connection[Any]:
        self._connection = await self._connect()
        self._connection.add_termination_listener(self._ended)
        return self._connection

    async def _lock(self, connection: asyncpg.Connection[Any]) -> bool:
        """Takes the lock; returns False while an earlier connection of this worker holds it."""
        row = await connection.fetchrow(_LOCK, self._worker)
        if row is not None and row["held"] and self._connection is connection:
            self.held, self.held_at, self._pid = True, time.monotonic(), row["pid"]
        return self.held

    def _ended(self, connection: object) -> None:
        if connection is self._connection:
            self._lose()

    def _lose(self) -> None:
        self._connection = None
        if self.held:
            self.held, self.lost_at = False, time.monotonic()

    def close(self) -> None:
        connection = self._connection
        self._lose()
        if connection is not None:
            connection.terminate()

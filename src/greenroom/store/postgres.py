"""PostgreSQL through asyncpg: a pool, one transaction per unit of work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar, cast

import asyncpg

from greenroom.errors import Invalid, Unavailable
from greenroom.store.db import Row, Work

T = TypeVar("T")

POOL = 12
#: how long a caller waits for a connection, and a statement for its answer
PATIENCE_S = 2.0
STATEMENT_S = 30.0
#: a transaction whose process says nothing for so long is ended, and what it locked is let go: the process may have
#: been stopped, or its machine paused, and others wait for its locks
SILENCE_MS = 5_000
#: a unit of work is repeated this often when PostgreSQL chose it to break a deadlock
RETRIES = 3


@lru_cache(maxsize=1024)
def _dialect(sql: str) -> str:
    return sql.replace("{skip_locked}", "FOR UPDATE SKIP LOCKED")


class PostgresTx:
    """A `Tx` on one connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        return cast("Sequence[Row]", await self._connection.fetch(_dialect(sql), *values))

    async def one(self, sql: str, *values: Any) -> Row | None:
        return cast("Row | None", await self._connection.fetchrow(_dialect(sql), *values))

    async def run(self, sql: str, *values: Any) -> int:
        tag = await self._connection.execute(_dialect(sql), *values)
        return int(tag.rpartition(" ")[2])

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        await self._connection.executemany(_dialect(sql), rows)


_AWAY = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the connection broke while it was being rolled back
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)
_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class PostgresStore:
    """
    A `Store` on PostgreSQL; any number of processes may share it.

    Connections are made when they are first needed, so a database that is away at start is only away.
    """

    def __init__(self, url: str, *, pool: int = POOL, silence_ms: int = SILENCE_MS) -> None:
        self._url = url
        self._silence_ms = silence_ms
        self._size = pool
        self._pool: asyncpg.Pool[Any] | None = None
        self._opening = asyncio.Lock()

    async def write(self, work: Work[T]) -> T:
        for _ in range(RETRIES):
            try:
                async with self._connection() as connection, connection.transaction():
                    return await work(PostgresTx(connection))
            except _AGAIN:
                continue
        raise Unavailable("The database is too busy with conflicting writes. Try again shortly.")

    async def read(self, work: Work[T]) -> T:
        async with self._connection() as connection:
            return await work(PostgresTx(connection))

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    @asynccontextmanager
    async def _connection(self) -> Any:
        try:
            pool = self._pool or await self._open()
            async with pool.acquire(timeout=PATIENCE_S) as connection:
                yield connection
        except _AWAY as error:
            raise Unavailable from error
        except asyncpg.DataError as error:  # NUL, half a surrogate pair, a number beyond the column's
            raise Invalid("The request has a text or a number that cannot be stored.") from error

    async def _open(self) -> asyncpg.Pool[Any]:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=self._size,
                    command_timeout=STATEMENT_S,
                    timeout=PATIENCE_S,
                    server_settings={"idle_in_transaction_session_timeout": str(self._silence_ms)},
                )
            return self._pool

"""PostgreSQL through asyncpg: a pool, one transaction per unit of work, or per group of quick ones."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar, cast
from weakref import WeakSet

import asyncpg

from greenroom.database_url import connect_options
from greenroom.errors import Invalid, Unavailable
from greenroom.store.db import ColumnType, Row, Work
from greenroom.store.statement_batching import BatchRunner, dialect, run_batched, unnested
from greenroom.store.watchdog import Watchdog
from greenroom.store.worker_sessions import PostgresWorkerSession

T = TypeVar("T")

POOL = 12
#: how long a caller waits for a connection, and a statement for its answer
PATIENCE_S = 1.5
STATEMENT_S = 30.0
#: a database of which nothing is heard is asked whether it is there, and has so long to answer. With the two beats
#: before it is asked (`pulse`), whoever waits for a silent one is told after 1.2 s
THERE_S = 0.8
#: quick units of work take milliseconds, and everybody else's wait for them. A connection on which they take so long
#: leads nowhere, though others may; a write may have met a disk that stands still for a moment
QUICK_READ_S = 1.5
QUICK_WRITE_S = 5.0
#: what closing may take
CLOSING_S = 5.0
#: a transaction whose process says nothing for so long is ended, and what it locked is let go: the process may have
#: been stopped, or its machine paused, and others wait for its locks
SILENCE_MS = 5_000
#: the name tells this process's sessions from others', which may have the same number on another server
END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid = ANY($2::int[])"
)
#: a unit of work is repeated this often when PostgreSQL chose it to break a deadlock
RETRIES = 3


class PostgresTx:
    """A `Tx` on one connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        return cast("Sequence[Row]", await self._connection.fetch(dialect(sql), *values))

    async def one(self, sql: str, *values: Any) -> Row | None:
        return cast("Row | None", await self._connection.fetchrow(dialect(sql), *values))

    async def run(self, sql: str, *values: Any) -> int:
        tag = await self._connection.execute(dialect(sql), *values)
        return int(tag.rpartition(" ")[2])

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        if listed := list(rows):  # nothing would be a question, too
            await self._connection.executemany(dialect(sql), listed)

    async def together(
        self, sql: str, columns: Mapping[str, ColumnType], rows: Sequence[Sequence[Any]]
    ) -> Sequence[Row]:
        return await self.all(unnested(sql, tuple(columns.items())), *zip(*rows, strict=True)) if rows else []

    async def add(self, sql: str, columns: Mapping[str, ColumnType], values: Sequence[Any]) -> None:
        await self.together(sql, columns, [values])


_AWAY = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server ended the connection, and we had not heard of it yet
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)
_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


async def _keep(_: Any) -> None:
    """Nothing of ours outlives its transaction in a session, so there is nothing to ask the server to reset."""


class PostgresStore:
    """
    A `Store` on PostgreSQL; any number of processes may share it.

    Connections are made when they are first needed, so a database that is away at start is only away.
    """

    def __init__(self, url: str, *, pool: int = POOL, silence_ms: int = SILENCE_MS) -> None:
        self._options = connect_options(url)
        named = {"application_name": f"greenroom {secrets.token_hex(6)}"} | self._options.get("server_settings", {})
        self._name = named["application_name"]
        self._options["server_settings"] = named
        self._silence_ms = silence_ms
        self._size = pool
        self._pool: asyncpg.Pool[Any] | None = None
        self._opening = asyncio.Lock()
        self._connected: WeakSet[asyncpg.Connection[Any]] = WeakSet()
        self._abandoned: set[int] = set()
        self._watchdog = Watchdog(self._is_there, self._drop_all)
        write = partial(self.write, within=QUICK_WRITE_S)
        self._quick_writes = BatchRunner(self._write_batched, write, hopeless=Unavailable)
        self._quick_reads = BatchRunner(self._read_batched, self._read_one, hopeless=Unavailable)

    async def write(self, work: Work[T], *, within: float = math.inf) -> T:
        for _ in range(RETRIES):
            try:
                async with self._connection(within) as connection, connection.transaction():
                    return await work(PostgresTx(connection))
            except _AGAIN:
                continue
        raise Unavailable("The database is too busy with conflicting writes. Try again shortly.")

    async def short_write(self, work: Work[T]) -> T:
        return await self.write(work)

    async def read(self, work: Work[T]) -> T:
        # otherwise each statement sees what was committed last: a delivery before its attempt, and the attempt
        snapshot = {"isolation": "repeatable_read", "readonly": True}
        async with self._connection(math.inf) as connection, connection.transaction(**snapshot):
            return await work(PostgresTx(connection))

    async def batchable_write(self, work: Work[T]) -> T:
        return await self._quick_writes.do(work)

    async def batchable_read(self, work: Work[T]) -> T:
        return await self._quick_reads.do(work)

    def worker_session(self, worker: str) -> PostgresWorkerSession:
        return PostgresWorkerSession(worker, self._connect, self._watchdog.watching)

    async def _connect(self) -> asyncpg.Connection[Any]:
        """Opens a connection outside the pool; a silent database ends it as it ends the others."""
        connection: asyncpg.Connection[Any] = await asyncpg.connect(
            **self._options | {"timeout": PATIENCE_S, "command_timeout": STATEMENT_S}
        )
        await self._note(connection)
        return connection

    async def _write_batched(self, works: Sequence[Work[Any]]) -> list[Any]:
        async with self._connection(QUICK_WRITE_S) as connection, connection.transaction():
            return await run_batched(connection, works)

    async def _read_batched(self, works: Sequence[Work[Any]]) -> list[Any]:
        async with self._connection(QUICK_READ_S) as connection:
            return await run_batched(connection, works)

    async def _read_one(self, work: Work[T]) -> T:
        # without BEGIN and COMMIT, as a batch: they would be two of the three messages of most batchable reads
        async with self._connection(QUICK_READ_S) as connection:
            return await work(PostgresTx(connection))

    async def close(self) -> None:
        await self._quick_writes.finish()
        await self._quick_reads.finish()
        if self._pool is not None:
            with suppress(TimeoutError):  # a database that is silent does not say good-bye either
                async with asyncio.timeout(CLOSING_S):
                    await self._pool.close()
            self._pool = None
        self._watchdog.stop()

    async def _is_there(self) -> bool:
        """Whether the database answers somebody new, whatever it says."""
        try:
            async with asyncio.timeout(THERE_S):
                connection = await asyncpg.connect(**self._options)
                try:
                    await connection.execute("SELECT 1")  # something in front of it may have taken the connection
                finally:
                    connection.terminate()
        except asyncpg.InsufficientResourcesError:  # it has no connection for us
            return True
        except _AWAY:
            return False
        except asyncpg.PostgresError:  # a password that was changed: what is connected stays so
            return True
        return True

    def _drop_all(self) -> None:
        """Drops idle connections, too: the database may come back on another machine, and they lead to the old one."""
        for connection in list(self._connected):
            if not connection.is_closed():
                self._abandoned.add(connection.get_server_pid())
                connection.terminate()

    async def _note(self, connection: asyncpg.Connection[Any]) -> None:
        """Remembers a new connection, and ends the server's half of those that were dropped."""
        self._connected.add(connection)
        if self._abandoned:
            # the server may never hear that they were dropped, and each may hold locks that others wait for
            pids, self._abandoned = list(self._abandoned), set()
            await connection.execute(END_SESSIONS, self._name, pids)

    @asynccontextmanager
    async def _connection(self, within: float) -> Any:
        """
        A connection, dropped when the database is silent, or after `within` seconds.

        Dropping is all that helps then: a statement that is cancelled, or a ROLLBACK, waits for the same silence.
        """
        try:
            pool = self._pool or await self._open()
            async with pool.acquire(timeout=PATIENCE_S) as connection:
                with self._watchdog.watching(connection, within=within):
                    yield connection
        except _AWAY as error:
            raise Unavailable from error
        except asyncpg.DataError as error:  # NUL, half a surrogate pair, a number beyond the column's
            raise Invalid("The request has a text or a number that cannot be stored.") from error

    async def _open(self) -> asyncpg.Pool[Any]:
        async with self._opening:
            if self._pool is None:
                own = {"idle_in_transaction_session_timeout": str(self._silence_ms)}
                settings = {"server_settings": self._options["server_settings"] | own}
                self._pool = await asyncpg.create_pool(
                    **self._options | settings,
                    min_size=0,
                    max_size=self._size,
                    command_timeout=STATEMENT_S,
                    timeout=PATIENCE_S,
                    init=self._note,
                    reset=_keep,
                )
            return self._pool

"""A store on PostgreSQL through asyncpg: a pool, with one transaction per unit of work or per batch."""

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
#: timeouts in seconds for a connection from the pool, and for a statement
CONNECT_S = 1.5
STATEMENT_S = 30.0
#: timeout of the watchdog's probe of a silent database, in seconds. The probe starts after at most two heartbeats
#: (`watchdog.BEAT_S`), so that callers get an error after 1.2 s
PROBE_S = 0.8
#: timeouts of a batch, in seconds. Batches take milliseconds and the next batch waits for them, so a connection that
#: takes this long is dropped as broken. Writes have longer, since a disk may stall for a moment
BATCH_READ_S = 1.5
BATCH_WRITE_S = 5.0
#: timeout for closing the pool, in seconds
CLOSING_S = 5.0
#: PostgreSQL ends a transaction that was idle for this long, in ms. Its process may be suspended, or its machine
#: paused, while other workers wait for its locks
SILENCE_MS = 5_000
#: the application name makes sure that a reused process id, such as on a new server, is not another client's session
END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid = ANY($2::int[])"
)
#: attempts at a unit of work that fails with a deadlock or a serialization error
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
        if listed := list(rows):  # an empty list would still cost a round trip
            await self._connection.executemany(dialect(sql), listed)

    async def run_rows(
        self, sql: str, columns: Mapping[str, ColumnType], rows: Sequence[Sequence[Any]]
    ) -> Sequence[Row]:
        return await self.all(unnested(sql, tuple(columns.items())), *zip(*rows, strict=True)) if rows else []

    async def add(self, sql: str, columns: Mapping[str, ColumnType], values: Sequence[Any]) -> None:
        await self.run_rows(sql, columns, [values])


_UNREACHABLE = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server had ended the connection
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)
_RETRYABLE = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


async def _skip_reset(_: Any) -> None:
    """Skips the reset of a released connection: transactions leave no session state behind."""


class PostgresStore:
    """
    A `Store` on PostgreSQL, which any number of processes may share.

    Connections are opened when they are first needed, so the gateway can start while the database is unreachable.
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
        self._watchdog = Watchdog(self._answers_probe, self._drop_all)
        write = partial(self.write, within=BATCH_WRITE_S)
        self._write_batches = BatchRunner(self._write_batched, write, fatal=Unavailable)
        self._read_batches = BatchRunner(self._read_batched, self._read_one, fatal=Unavailable)

    async def write(self, work: Work[T], *, within: float = math.inf) -> T:
        for _ in range(RETRIES):
            try:
                async with self._connection(within) as connection, connection.transaction():
                    return await work(PostgresTx(connection))
            except _RETRYABLE:
                continue
        raise Unavailable("The database is too busy with conflicting writes. Try again shortly.")

    async def short_write(self, work: Work[T]) -> T:
        return await self.write(work)

    async def read(self, work: Work[T]) -> T:
        # with the default isolation each statement would see newer commits, such as an attempt without its delivery
        snapshot = {"isolation": "repeatable_read", "readonly": True}
        async with self._connection(math.inf) as connection, connection.transaction(**snapshot):
            return await work(PostgresTx(connection))

    async def batchable_write(self, work: Work[T]) -> T:
        return await self._write_batches.run(work)

    async def batchable_read(self, work: Work[T]) -> T:
        return await self._read_batches.run(work)

    def worker_session(self, worker: str) -> PostgresWorkerSession:
        return PostgresWorkerSession(worker, self._connect, self._watchdog.watching)

    async def _connect(self) -> asyncpg.Connection[Any]:
        """Opens a connection outside the pool, which the watchdog drops like the others."""
        connection: asyncpg.Connection[Any] = await asyncpg.connect(
            **self._options | {"timeout": CONNECT_S, "command_timeout": STATEMENT_S}
        )
        await self._register(connection)
        return connection

    async def _write_batched(self, works: Sequence[Work[Any]]) -> list[Any]:
        async with self._connection(BATCH_WRITE_S) as connection, connection.transaction():
            return await run_batched(connection, works)

    async def _read_batched(self, works: Sequence[Work[Any]]) -> list[Any]:
        async with self._connection(BATCH_READ_S) as connection:
            return await run_batched(connection, works)

    async def _read_one(self, work: Work[T]) -> T:
        # without BEGIN and COMMIT, as a batch: they would be two of the three messages of most batchable reads
        async with self._connection(BATCH_READ_S) as connection:
            return await work(PostgresTx(connection))

    async def close(self) -> None:
        await self._write_batches.finish()
        await self._read_batches.finish()
        if self._pool is not None:
            with suppress(TimeoutError):  # a silent database does not answer the goodbye
                async with asyncio.timeout(CLOSING_S):
                    await self._pool.close()
            self._pool = None
        self._watchdog.stop()

    async def _answers_probe(self) -> bool:
        """Returns whether the database answers a new connection, even with a refusal."""
        try:
            async with asyncio.timeout(PROBE_S):
                connection = await asyncpg.connect(**self._options)
                try:
                    await connection.execute("SELECT 1")  # a proxy may have accepted the connection
                finally:
                    connection.terminate()
        except asyncpg.InsufficientResourcesError:  # its connection limit is reached
            return True
        except _UNREACHABLE:
            return False
        except asyncpg.PostgresError:  # such as a changed password; open connections still work
            return True
        return True

    def _drop_all(self) -> None:
        """Drops all connections, also idle ones, because the database may come back on another machine."""
        for connection in list(self._connected):
            if not connection.is_closed():
                self._abandoned.add(connection.get_server_pid())
                connection.terminate()

    async def _register(self, connection: asyncpg.Connection[Any]) -> None:
        """Registers a new connection, and ends the server sessions of dropped ones."""
        self._connected.add(connection)
        if self._abandoned:
            # the server may not have noticed the drop, and the sessions may hold locks
            pids, self._abandoned = list(self._abandoned), set()
            await connection.execute(END_SESSIONS, self._name, pids)

    @asynccontextmanager
    async def _connection(self, within: float) -> Any:
        """
        Yields a connection, which is dropped when the database is silent, or after `within` seconds.

        A cancelled statement or a ROLLBACK would not help: both wait for an answer of the silent database.
        """
        try:
            pool = self._pool or await self._open()
            async with pool.acquire(timeout=CONNECT_S) as connection:
                with self._watchdog.watching(connection, within=within):
                    yield connection
        except _UNREACHABLE as error:
            raise Unavailable from error
        except asyncpg.DataError as error:  # NUL, a lone surrogate, or a number out of range
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
                    timeout=CONNECT_S,
                    init=self._register,
                    reset=_skip_reset,
                )
            return self._pool

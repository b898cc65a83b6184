"""
A store on a SQLite file: one connection with group commits, and some connections for reads.

Short and batchable transactions run on the event loop: SQLite needs a fraction of the time that passing one to a thread
and back takes, and threads compete for the interpreter's lock. COMMIT, which waits for the disk, and other transactions
run in a thread.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, cast

from greenroom.errors import Invalid, Unavailable
from greenroom.store.db import ColumnType, Row, Work, marks

T = TypeVar("T")

#: limit of writes in one commit; more would only delay the first of them
GROUP = 64
READERS = 3
#: timeout for the write lock while another process (a command) writes, and the pause between tries, in seconds
BUSY_S = 30.0
BUSY_PAUSE_S = 0.01

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-65536",
    "temp_store=MEMORY",
    "secure_delete=ON",  # overwrites deleted content in the file
)


@lru_cache(maxsize=1024)
def _dialect(sql: str, count: int) -> tuple[str, bool]:
    """Returns a statement for SQLite, and whether it needs the time as one more value after `count` values."""
    # SQLite takes $1 for a parameter *named* "1", and ?1 for the first of a sequence
    text = re.sub(r"\$(\d+)", r"?\1", re.sub(r"\{(skip_locked|for_share|for_update)\}", "", sql))
    # a parameter, because an SQL function in Python would be called for each row
    return text.replace("now_ms()", f"?{count + 1}"), "now_ms()" in text


@lru_cache(maxsize=1024)
def _write_out(sql: str, names: tuple[str, ...], count: int) -> str:
    """Returns a statement with `{given}` written out for `count` rows."""
    columns = ", ".join(f"column{number} AS {name}" for number, name in enumerate(names, start=1))
    rows = ", ".join(f"({marks(names, 1 + len(names) * row)})" for row in range(count))
    return sql.replace("{given}", f"(SELECT {columns} FROM (VALUES {rows})) AS given")  # noqa: S608


class SqliteTx:
    """A `Tx` whose coroutines never suspend, so that any thread can run them without an event loop."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], int]) -> None:
        self._connection = connection
        self._clock = clock

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        return cast("Sequence[Row]", self._execute(sql, values).fetchall())

    async def one(self, sql: str, *values: Any) -> Row | None:
        cursor = self._execute(sql, values)
        row = cursor.fetchone()
        cursor.close()
        return cast("Row | None", row)

    async def run(self, sql: str, *values: Any) -> int:
        return self._execute(sql, values).rowcount

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        listed = list(rows)
        if not listed:
            return
        text, timed = _dialect(sql, len(listed[0]))
        now = self._clock()
        self._connection.executemany(text, [(*row, now) for row in listed] if timed else listed)

    async def run_rows(
        self, sql: str, columns: Mapping[str, ColumnType], rows: Sequence[Sequence[Any]]
    ) -> Sequence[Row]:
        return await self.all(_write_out(sql, tuple(columns), len(rows)), *chain.from_iterable(rows)) if rows else []

    async def add(self, sql: str, columns: Mapping[str, ColumnType], values: Sequence[Any]) -> None:
        self._execute(_write_out(sql, tuple(columns), 1), values).close()

    def _execute(self, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
        text, timed = _dialect(sql, len(values))
        return self._connection.execute(text, (*values, self._clock()) if timed else values)


def _drive(work: Awaitable[T]) -> T:
    """Runs a coroutine that never suspends; raises RuntimeError for one that awaits anything but its `Tx`."""
    coroutine = cast("Coroutine[Any, Any, T]", work)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    coroutine.close()
    raise RuntimeError("a unit of work awaited something that is not its transaction")


def _connect(path: Path, *, busy_s: float = BUSY_S) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=busy_s)
    connection.row_factory = sqlite3.Row
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()
    return connection


class _Job:
    """A unit of work that waits for its commit."""

    __slots__ = ("error", "future", "result", "short", "work")

    def __init__(self, work: Work[Any], future: asyncio.Future[Any], *, short: bool) -> None:
        self.work = work
        self.future = future
        self.short = short
        self.result: Any = None
        self.error: BaseException | None = None

    def answer(self) -> None:
        if self.future.done():  # the caller was cancelled; the commit stands
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class SqliteStore:
    """
    A `Store` on a SQLite file, for a single gateway process.

    `clock` returns ms since 1970, for `now_ms()`.
    """

    def __init__(self, path: Path, *, clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._path = path
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._jobs: deque[_Job] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._writer: sqlite3.Connection | None = None
        self._loop_reader: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-reader")
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self._closed = False

    async def write(self, work: Work[T]) -> T:
        return cast("T", await self._commit(work, short=False))

    async def short_write(self, work: Work[T]) -> T:
        return cast("T", await self._commit(work, short=True))

    async def batchable_write(self, work: Work[T]) -> T:
        return await self.short_write(work)

    def worker_session(self, worker: str) -> None:
        """Returns None, because there is no other worker."""

    async def read(self, work: Work[T]) -> T:
        self._refuse_when_closed()
        return await self._loop.run_in_executor(self._readers, self._read, work)

    async def batchable_read(self, work: Work[T]) -> T:
        self._refuse_when_closed()
        try:
            if self._loop_reader is None:
                self._loop_reader = _connect(self._path, busy_s=0)
            return _snapshot(self._loop_reader, self._clock, work)
        except sqlite3.OperationalError:  # busy: waits in a thread, not on the event loop
            return await self.read(work)
        except UnicodeEncodeError as error:
            raise _as_refusal(error) from error

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._writing is not None:
            await self._writing
        for pool in (self._thread, self._readers):
            await asyncio.to_thread(pool.shutdown)
        for connection in (self._writer, self._loop_reader, *self._reading):
            if connection is not None:
                connection.close()

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Unavailable("The gateway is shutting down.")

    def _read(self, work: Work[T]) -> T:
        connection = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = self._local.connection = _connect(self._path)
                self._reading.append(connection)
            return _snapshot(connection, self._clock, work)
        except sqlite3.OperationalError as error:
            raise Unavailable(f"The database cannot be read now ({error}).") from error
        except UnicodeEncodeError as error:
            raise _as_refusal(error) from error

    async def _commit(self, work: Work[Any], *, short: bool) -> Any:
        self._refuse_when_closed()
        job = _Job(work, self._loop.create_future(), short=short)
        self._jobs.append(job)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="sqlite-writer")
        return await job.future

    async def _write_all(self) -> None:
        """Commits the waiting units of work, group by group, until none waits."""
        while self._jobs:
            jobs = [self._jobs.popleft() for _ in range(min(GROUP, len(self._jobs)))]
            try:
                await self._commit_together(jobs)
            except BaseException as error:  # noqa: BLE001 - every waiting caller must get an answer
                for job in jobs:
                    job.error = job.error or _as_refusal(error)
                self._writer = await self._in_thread(_reset, self._writer)
            for job in jobs:
                job.answer()
        self._writing = None

    async def _commit_together(self, jobs: list[_Job]) -> None:
        if self._writer is None:
            self._writer = await self._in_thread(_connect, self._path)
            self._writer.execute("PRAGMA busy_timeout=0")  # `_begin` waits
        await self._begin(self._writer)
        long = [job for job in jobs if not job.short]
        if long:
            await self._in_thread(_run, self._writer, self._clock, long)
        _run(self._writer, self._clock, [job for job in jobs if job.short])
        await self._in_thread(self._writer.execute, "COMMIT")

    async def _begin(self, connection: sqlite3.Connection) -> None:
        """Takes the write lock; waits for another process without blocking the event loop."""
        until = time.monotonic() + BUSY_S
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            await asyncio.sleep(BUSY_PAUSE_S)

    async def _in_thread(self, function: Callable[..., T], *values: Any) -> T:
        return await self._loop.run_in_executor(self._thread, function, *values)


def _snapshot(connection: sqlite3.Connection, clock: Callable[[], int], work: Work[T]) -> T:
    connection.execute("BEGIN")
    try:
        return _drive(work(SqliteTx(connection, clock)))
    finally:
        connection.execute("ROLLBACK")


def _run(connection: sqlite3.Connection, clock: Callable[[], int], jobs: Sequence[_Job]) -> None:
    tx = SqliteTx(connection, clock)
    for job in jobs:
        connection.execute("SAVEPOINT job")
        try:
            job.result = _drive(job.work(tx))
        except Exception as error:
            if not connection.in_transaction:  # SQLite itself rolled everything back (disk full, I/O error)
                raise
            connection.execute("ROLLBACK TO job")
            job.error = _as_refusal(error)
        connection.execute("RELEASE job")


def _reset(connection: sqlite3.Connection | None) -> sqlite3.Connection | None:
    """Rolls back an open transaction; returns None for a connection that cannot."""
    try:
        if connection is not None and connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        return None
    return connection


def _as_refusal(error: BaseException) -> BaseException:
    if isinstance(error, UnicodeEncodeError):
        return Invalid("The request has a text with half a surrogate pair, which cannot be stored.")
    if isinstance(error, sqlite3.OperationalError):
        refusal = Unavailable(f"The database cannot be written now ({error}).")
        refusal.__cause__ = error
        return refusal
    return error

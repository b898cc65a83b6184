"""SQLite: one file, one writer thread that commits in groups, a few reader threads."""

from __future__ import annotations

import asyncio
import json
import queue
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from greenroom.errors import Invalid, Unavailable
from greenroom.store.db import ColumnType, Row, Work

T = TypeVar("T")

#: writes that share one commit at the most; more only lengthens the wait of the first
GROUP = 64
READERS = 3
BUSY_S = 30.0


@lru_cache(maxsize=1024)
def _dialect(sql: str) -> str:
    # a parameter and not a function of ours, which would be called for each row
    return sql.replace("{skip_locked}", "").replace("now_ms()", "$now")


@lru_cache(maxsize=128)
def _from_json(sql: str, names: tuple[str, ...]) -> str:
    columns = ", ".join(f"json_extract(value, '$[{number}]') AS {name}" for number, name in enumerate(names))
    return sql.replace("{given}", f"(SELECT {columns} FROM json_each($1)) AS given")  # noqa: S608


class SqliteTx:
    """A `Tx` whose coroutines never suspend, so that a thread without an event loop can run them."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], int]) -> None:
        self._connection = connection
        self._clock = clock

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        return cast("Sequence[Row]", self._connection.execute(_dialect(sql), self._named(values)).fetchall())

    async def one(self, sql: str, *values: Any) -> Row | None:
        cursor = self._connection.execute(_dialect(sql), self._named(values))
        row = cursor.fetchone()
        cursor.close()
        return cast("Row | None", row)

    async def run(self, sql: str, *values: Any) -> int:
        return self._connection.execute(_dialect(sql), self._named(values)).rowcount

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(_dialect(sql), [self._named(row) for row in rows])

    async def together(
        self, sql: str, columns: Mapping[str, ColumnType], rows: Sequence[Sequence[Any]]
    ) -> Sequence[Row]:
        # one statement, so that this thread waits once for the interpreter's lock and not once for each row
        return await self.all(_from_json(sql, tuple(columns)), json.dumps(rows, ensure_ascii=False))

    def _named(self, values: Sequence[Any]) -> dict[str, Any]:
        # SQLite takes $1 for a parameter *named* "1"
        named = {str(number): value for number, value in enumerate(values, start=1)}
        named["now"] = self._clock()
        return named


def _drive(work: Awaitable[T]) -> T:
    """Run a coroutine that never suspends. Raises RuntimeError for one that awaits anything but its `Tx`."""
    coroutine = cast("Coroutine[Any, Any, T]", work)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    coroutine.close()
    raise RuntimeError("a unit of work awaited something that is not its transaction")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_S)
    connection.row_factory = sqlite3.Row
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}").close()
    return connection


class _Job:
    """One unit of work on its way through the writer thread."""

    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Work[Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None

    def answer(self) -> None:
        if self.future.done():  # the caller was cancelled; what was committed stays committed
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class SqliteStore:
    """
    A `Store` on one SQLite file; one gateway process per file.

    `clock` gives milliseconds since 1970 and is what `now_ms()` means.
    """

    def __init__(self, path: Path, *, clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._path = path
        self._clock = clock
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-reader")
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._writer = threading.Thread(target=self._write_forever, name="sqlite-writer", daemon=True)
        self._writer.start()

    async def write(self, work: Work[T]) -> T:
        if self._closed:
            raise Unavailable("The gateway is shutting down.")
        job = _Job(work, self._loop.create_future())
        self._jobs.put(job)
        return cast("T", await job.future)

    async def read(self, work: Work[T]) -> T:
        if self._closed:
            raise Unavailable("The gateway is shutting down.")
        return await self._loop.run_in_executor(self._readers, self._read, work)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        self._readers.shutdown(wait=True)
        for connection in self._reading:
            connection.close()

    def _read(self, work: Work[T]) -> T:
        connection = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = self._local.connection = _connect(self._path)
                self._reading.append(connection)
            connection.execute("BEGIN")
            try:
                return _drive(work(SqliteTx(connection, self._clock)))
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            raise Unavailable(f"The database cannot be read now ({error}).") from error
        except UnicodeEncodeError as error:
            raise _as_refusal(error) from error

    def _write_forever(self) -> None:
        connection: sqlite3.Connection | None = None
        while (jobs := self._next_group()) is not None:
            try:
                if connection is None:
                    connection = _connect(self._path)
                _commit_together(connection, self._clock, jobs)
            except BaseException as error:  # noqa: BLE001 - every waiting caller must get an answer, whatever it is
                for job in jobs:
                    job.error = job.error or _as_refusal(error)
                connection = _reset(connection)
            self._loop.call_soon_threadsafe(_answer_all, jobs)
        if connection is not None:
            connection.close()

    def _next_group(self) -> list[_Job] | None:
        job = self._jobs.get()
        jobs: list[_Job] = []
        while job is not None:
            jobs.append(job)
            if len(jobs) == GROUP:
                return jobs
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs
        if jobs:
            self._jobs.put(None)  # finish these first, then come back to stop
            return jobs
        return None


def _commit_together(connection: sqlite3.Connection, clock: Callable[[], int], jobs: list[_Job]) -> None:
    connection.execute("BEGIN IMMEDIATE")
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
    connection.execute("COMMIT")


def _reset(connection: sqlite3.Connection | None) -> sqlite3.Connection | None:
    """Leave no transaction open; a connection that cannot even roll back is dropped."""
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


def _answer_all(jobs: list[_Job]) -> None:
    for job in jobs:
        job.answer()

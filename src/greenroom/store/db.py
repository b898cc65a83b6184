"""
The interface of a store, and its SQL dialect for both databases.

A unit of work is an `async` function that takes a `Tx` and awaits nothing else. On PostgreSQL it runs in a transaction
of its own; on SQLite all waiting units share one commit (group commit). The SQL is the same for both: parameters are
`$1, $2, …`, the database's clock is `now_ms()`, and there are placeholders: `{skip_locked}`, `{for_share}` (other
transactions cannot change the rows until this one ends), `{for_update}` (nor insert rows that refer to them), and
`{given}` in `Tx.run_rows`.

A *short* transaction touches a few hundred rows at the most, each found by an index. On SQLite it runs on the event
loop, without the cost of a thread; on PostgreSQL it is like any other.

A *batchable* transaction is short, touches a handful of rows and takes no explicit lock: constraints of the database
prevent duplicates. On PostgreSQL batchable transactions that run at the same time share one database transaction, in
which equal statements are sent as one message (statement batching). A batchable transaction may be run again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar

import pydantic_core

from greenroom.model.documents import shallow

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = Mapping[str, Any]
Work = Callable[["Tx"], Awaitable[T]]
ColumnType = Literal["TEXT", "BIGINT"]


class Tx(Protocol):
    """An open transaction; values are str, int, float, bytes or None."""

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        """Returns all rows."""
        ...

    async def one(self, sql: str, *values: Any) -> Row | None:
        """Returns the first row, or None."""
        ...

    async def run(self, sql: str, *values: Any) -> int:
        """Executes a statement; returns the number of affected rows."""
        ...

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Executes a statement once for each row of values."""
        ...

    async def run_rows(
        self, sql: str, columns: Mapping[str, ColumnType], rows: Sequence[Sequence[Any]]
    ) -> Sequence[Row]:
        """
        Executes a statement once for all rows of values; returns all rows of its result.

        `{given}` in the statement stands for a table called `given` with these columns and rows.
        """
        ...

    async def add(self, sql: str, columns: Mapping[str, ColumnType], values: Sequence[Any]) -> None:
        """
        Executes an INSERT for one row of values, in the syntax of `run_rows`, without a result.

        In a batchable transaction consecutive calls may be sent as one message, before the next other statement or the
        end of the transaction.
        """
        ...


class WorkerSession(Protocol):
    """
    A database session that proves to other workers that this worker is alive.

    The session ends with the process, whatever machine it runs on.
    """

    #: whether the session is held, so that other workers see it
    held: bool
    #: monotonic times in seconds when the session was last obtained and lost; -inf means never
    held_at: float
    lost_at: float

    async def dead_workers(self) -> frozenset[str]:
        """
        Obtains the session unless it is held; returns the workers that have leases but no session.

        Raises:
            Unavailable: the session cannot be obtained; the next call tries again.
        """
        ...

    def close(self) -> None:
        """Ends the session."""
        ...


class Store(Protocol):
    """
    A database.

    Every method raises `errors.Unavailable` when the database is unreachable, locked for too long or full. A unit of
    work that raises is rolled back. If the connection is lost during the commit, the changes may still have been saved.
    """

    async def write(self, work: Work[T]) -> T:
        """Runs a unit of work, and returns after its commit is on disk."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Runs a read-only unit of work on one snapshot."""
        ...

    async def short_write(self, work: Work[T]) -> T:
        """Runs a short transaction, otherwise like `write`."""
        ...

    async def batchable_write(self, work: Work[T]) -> T:
        """Runs a batchable transaction, otherwise like `write`."""
        ...

    async def batchable_read(self, work: Work[T]) -> T:
        """Runs a batchable read-only transaction; on PostgreSQL each statement has a snapshot of its own."""
        ...

    def worker_session(self, worker: str) -> WorkerSession | None:
        """Returns a session, not obtained yet, for a worker id; None if there can be no other worker (SQLite)."""
        ...

    async def close(self) -> None:
        """Finishes the accepted units of work, then closes all connections."""
        ...


def marks(values: Sequence[Any], first: int = 1) -> str:
    """Returns the placeholders of an IN list: `$3, $4` for two values when `first` is 3."""
    return ", ".join(f"${number}" for number in range(first, first + len(values)))


async def insert(
    tx: Tx,
    table: str,
    row: Mapping[str, Any],
    *,
    found: Mapping[str, str] | None = None,
    or_ignore: tuple[str, ...] | None = None,
) -> bool:
    """
    Inserts a row; returns False if a row with the same `or_ignore` columns exists.

    `found` has further columns, each with an SQL expression in which `{name}` stands for a value of the row. Column
    names and expressions go into the SQL as they are: they must never come from a request.
    """
    placeholders = {name: f"${number}" for number, name in enumerate(row, start=1)}
    columns = placeholders | {name: sql.format_map(placeholders) for name, sql in (found or {}).items()}
    conflict = f" ON CONFLICT ({', '.join(or_ignore)}) DO NOTHING" if or_ignore else ""
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(columns.values())}){conflict}"  # noqa: S608
    return await tx.run(sql, *row.values()) == 1


async def update(tx: Tx, table: str, row_id: str, changes: Mapping[str, Any]) -> bool:
    """Updates a row; returns False if it does not exist. Column names must never come from a request."""
    columns = ", ".join(f"{name} = ${number}" for number, name in enumerate(changes, start=2))
    return await tx.run(f"UPDATE {table} SET {columns} WHERE id = $1", row_id, *changes.values()) == 1  # noqa: S608


async def now_ms(tx: Tx) -> int:
    """Returns the database's time, in ms since 1970."""
    row = await tx.one("SELECT now_ms() AS now")
    return int(row["now"]) if row else 0


def to_json(value: Any) -> str:
    """
    Returns compact JSON text without escapes for non-ASCII characters.

    Values that JSON or UTF-8 do not have are replaced: a lone surrogate by `?`, a number that is not finite by null.
    """
    try:
        return pydantic_core.to_json(value, inf_nan_mode="null").decode()  # seven times as fast as `json`
    except pydantic_core.PydanticSerializationError:
        return well_formed(json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":")))


def from_json(text: str) -> Any:
    """
    Returns the value of stored JSON text that came from outside.

    Values nested too deeply to parse or show are replaced; versions without a limit have stored such values.
    """
    return json.loads(shallow(text))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def well_formed(text: str) -> str:
    """Returns the text with lone surrogates, which cannot be stored, replaced by `?`."""
    return text.encode(errors="replace").decode()


def is_plain(text: str) -> bool:
    """Returns whether a text may be an id; PostgreSQL refuses to search for a NUL character."""
    return text.isascii() and text.isprintable()


def to_ms(at: datetime) -> int:
    """Returns an aware time in ms since 1970 UTC, rounded down as in `model.events.stamp`."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """Returns the UTC time of ms since 1970."""
    return EPOCH + timedelta(milliseconds=ms)


def maybe_from_ms(ms: int | None) -> datetime | None:
    """Returns the UTC time of ms since 1970, or None for None."""
    return None if ms is None else from_ms(ms)

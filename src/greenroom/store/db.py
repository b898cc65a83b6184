"""
One store over two databases.

A unit of work is an `async` function that takes a `Tx` and awaits nothing but it. On PostgreSQL it runs in a
transaction of its own; on SQLite it runs, together with others that wait, inside one commit (group commit). Both speak
the same SQL: parameters are `$1, $2, …`, the database's clock is `now_ms()`, and the dialect words are `{skip_locked}`,
`{for_share}` (nobody changes these rows before this transaction ends), `{for_update}` (nor refers to them from a new
row), and `{given}` in the text of `Tx.together`.

A *short* unit of work touches a few hundred rows at the most, each found by an index. On SQLite it runs on the event
loop, where it costs no thread; on PostgreSQL it is like any other.

A *quick* unit of work is short, touches a handful of rows, and takes no lock to keep others away: what must not happen
twice is left to the database's constraints. It may be begun again, and be run statement by statement in turn with other
quick ones, in one transaction with them: on PostgreSQL the same statement of all of them is one message.
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
    """An open transaction. Values are str, int, float, bytes or None."""

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        """Every row."""
        ...

    async def one(self, sql: str, *values: Any) -> Row | None:
        """The first row, or None."""
        ...

    async def run(self, sql: str, *values: Any) -> int:
        """Execute; how many rows it touched."""
        ...

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute once for each row of values."""
        ...

    async def together(
        self, sql: str, columns: Mapping[str, ColumnType], rows: Sequence[Sequence[Any]]
    ) -> Sequence[Row]:
        """
        Execute once for all rows of values, which the text reads as `{given}`: a table called `given` with these
        columns. Every row that it returns.
        """
        ...

    async def add(self, sql: str, columns: Mapping[str, ColumnType], values: Sequence[Any]) -> None:
        """
        `together` for one row, with an INSERT that returns nothing. In a quick unit of work it is carried out before
        the unit's next statement of another kind, or its end: consecutive ones may be one message.
        """
        ...


class WorkerSession(Protocol):
    """
    A database session that shows other workers that this one lives. The session ends with the process, on any machine.
    """

    #: whether other workers can see it
    held: bool
    #: when it was obtained and lost last, by the monotonic clock; -inf: never
    held_at: float
    lost_at: float

    async def dead_workers(self) -> frozenset[str]:
        """
        Obtain the session where it is not held, then return the workers that have leases and no session.

        Raises:
            Unavailable: there is no session; the next call tries again.
        """
        ...

    def close(self) -> None:
        """End it."""
        ...


class Store(Protocol):
    """
    A database.

    Raises `errors.Unavailable` from every method when the database is away, locked for too long or full. A unit of
    work that raises leaves nothing behind; but when the database went away during its commit, what it wrote may be
    there all the same.
    """

    async def write(self, work: Work[T]) -> T:
        """Run a unit of work; when this returns, what it wrote is on disk."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Run a unit of work that only reads, all of it on one snapshot."""
        ...

    async def short_write(self, work: Work[T]) -> T:
        """`write` for a short unit of work."""
        ...

    async def batchable_write(self, work: Work[T]) -> T:
        """`write` for a quick unit of work."""
        ...

    async def batchable_read(self, work: Work[T]) -> T:
        """`read` for a quick unit of work; on PostgreSQL each statement sees what is committed when it begins."""
        ...

    def worker_session(self, worker: str) -> WorkerSession | None:
        """A session for the worker of this id, not obtained yet; None where no other worker can be (SQLite)."""
        ...

    async def close(self) -> None:
        """Finish what was accepted, then let go of every connection."""
        ...


def marks(values: Sequence[Any], first: int = 1) -> str:
    """The placeholders of an IN list: `$3, $4` for two values when `first` is 3."""
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
    Insert a row; its keys are column names of ours, never a caller's. False: the `or_ignore` key was taken.

    `found` has the columns that the database finds, each an expression in which `{name}` stands for a value of the row.
    """
    placeholders = {name: f"${number}" for number, name in enumerate(row, start=1)}
    columns = placeholders | {name: sql.format_map(placeholders) for name, sql in (found or {}).items()}
    conflict = f" ON CONFLICT ({', '.join(or_ignore)}) DO NOTHING" if or_ignore else ""
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(columns.values())}){conflict}"  # noqa: S608
    return await tx.run(sql, *row.values()) == 1


async def update(tx: Tx, table: str, row_id: str, changes: Mapping[str, Any]) -> bool:
    """Update one row by id; keys are column names of ours. False: there is no such row."""
    columns = ", ".join(f"{name} = ${number}" for number, name in enumerate(changes, start=2))
    return await tx.run(f"UPDATE {table} SET {columns} WHERE id = $1", row_id, *changes.values()) == 1  # noqa: S608


async def now_ms(tx: Tx) -> int:
    """The database's clock, in ms since 1970."""
    row = await tx.one("SELECT now_ms() AS now")
    return int(row["now"]) if row else 0


def to_json(value: Any) -> str:
    """
    Compact JSON text, characters as they are. What JSON cannot say is replaced: half a surrogate pair, which no
    encoding has, becomes `?`, a number that is not finite becomes null.
    """
    try:
        return pydantic_core.to_json(value, inf_nan_mode="null").decode()  # takes a seventh of what `json` takes
    except pydantic_core.PydanticSerializationError:
        return well_formed(json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":")))


def from_json(text: str) -> Any:
    """
    The value of a stored JSON text in which there is something of an outsider's. What is nested too deep to be read or
    shown is replaced: before there was a limit, such values were stored.
    """
    return json.loads(shallow(text))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def well_formed(text: str) -> str:
    """Text that can be stored: no half surrogate pairs."""
    return text.encode(errors="replace").decode()


def is_plain(text: str) -> bool:
    """Whether this could be an id of ours; PostgreSQL would refuse to look for a NUL."""
    return text.isascii() and text.isprintable()


def to_ms(at: datetime) -> int:
    """An aware time as whole milliseconds since 1970 UTC; cut off, as `model.events.stamp` does."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The inverse of `to_ms`, in UTC."""
    return EPOCH + timedelta(milliseconds=ms)


def maybe_from_ms(ms: int | None) -> datetime | None:
    """`from_ms`, keeping None."""
    return None if ms is None else from_ms(ms)

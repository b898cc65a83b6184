"""
Statement batching: runs batchable transactions together on PostgreSQL.

Orders that arrive at the same time run the same statements. Alone, each order would wait for a round trip per statement
and for its own commit. In a batch, the first statements of all units of work are one message, then the second ones, and
there is one COMMIT for all. INSERTs without a result (`Tx.add`) are one message for all tables.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar, cast

from greenroom.store.db import ColumnType, Row, Work

T = TypeVar("T")

#: text of an INSERT, and the columns of its `{given}`
_Insert = tuple[str, tuple[tuple[str, ColumnType], ...]]
#: rows of each INSERT
_Inserts = dict[_Insert, list[Sequence[Any]]]

#: limit of units of work in one batch; more would only delay the first of them
GROUP = 64
#: column with the number of the statement that a row answers
NUMBER = "in_step"
_LOCKS = {"{skip_locked}": "FOR UPDATE SKIP LOCKED", "{for_share}": "FOR SHARE", "{for_update}": "FOR UPDATE"}


@dataclass
class _Statement:
    """A statement that a unit of work waits for; `touched` if only the number of affected rows matters."""

    sql: str
    values: tuple[Any, ...]
    touched: bool = False

    @property
    def reads(self) -> bool:
        return self.sql.startswith("SELECT")

    def __await__(self) -> Generator[_Statement, Sequence[Row], Sequence[Row]]:
        return (yield self)


@dataclass
class _InsertedRow:
    """A row that a unit of work inserts; it is sent before the unit's next statement."""

    insert: _Insert
    values: Sequence[Any]

    def __await__(self) -> Generator[_InsertedRow, Sequence[Row], None]:
        yield self


class _Tx:
    """A `Tx` that yields its statements to the code that runs the unit of work."""

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        return await _Statement(sql, values)

    async def one(self, sql: str, *values: Any) -> Row | None:
        rows = await _Statement(sql, values)
        return rows[0] if rows else None

    async def run(self, sql: str, *values: Any) -> int:
        return len(await _Statement(sql, values, touched=True))

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        for values in rows:
            await self.run(sql, *values)

    async def run_rows(
        self, sql: str, columns: Mapping[str, ColumnType], rows: Sequence[Sequence[Any]]
    ) -> Sequence[Row]:
        return await self.all(unnested(sql, tuple(columns.items())), *zip(*rows, strict=True)) if rows else []

    async def add(self, sql: str, columns: Mapping[str, ColumnType], values: Sequence[Any]) -> None:
        await _InsertedRow((sql, tuple(columns.items())), values)


@dataclass
class _Unit:
    coroutine: Coroutine[Any, Any, Any]
    statement: _Statement | None = None
    answer: Sequence[Row] | None = None
    result: Any = None
    wrote: bool = False

    def step(self, added: _Inserts) -> None:
        """
        Runs the unit until its next statement or its end, and collects its inserted rows in `added`.

        An exception of the unit becomes its result, or is raised if the unit has written anything.
        """
        try:
            reached = self.coroutine.send(self.answer)
            while isinstance(reached, _InsertedRow):
                self.wrote = True
                added.setdefault(reached.insert, []).append(reached.values)
                reached = self.coroutine.send(None)
            self.statement = cast("_Statement", reached)
        except StopIteration as done:
            self.statement, self.result = None, done.value
        except Exception as error:
            if self.wrote:
                raise
            self.statement, self.result = None, error

    def store_answer(self, statement: _Statement, answer: Sequence[Row]) -> None:
        """Stores the answer of the statement that the unit waits for."""
        self.answer = answer
        self.wrote = self.wrote or not (statement.reads or (statement.touched and not answer))


async def run_batched(connection: Any, works: Sequence[Work[Any]]) -> list[Any]:
    """
    Runs units of work in the open transaction of one asyncpg connection; returns their results.

    The result of a unit that raised before it wrote anything is its exception; the other units go on. Raises errors of
    PostgreSQL, and the exception of a unit that had written; the transaction must then be rolled back.
    """
    tx = _Tx()
    units = [_Unit(cast("Coroutine[Any, Any, Any]", work(tx))) for work in works]
    answered = units
    try:
        while answered:
            added: _Inserts = {}
            for unit in answered:
                unit.step(added)
            await _insert(connection, added)
            waiting = [(unit, unit.statement) for unit in units if unit.statement]
            # writes wait until all units have done their reads: equal writes are then one message
            next_units = [(unit, statement) for unit, statement in waiting if statement.reads] or waiting
            await _answer(connection, next_units)
            answered = [unit for unit, _ in next_units]
    finally:
        for unit in units:
            unit.coroutine.close()
    return [unit.result for unit in units]


async def _answer(connection: Any, waiting: Iterable[tuple[_Unit, _Statement]]) -> None:
    """
    Executes the statements that units wait for, and stores the answers.

    Equal statements are one message with the values of all units. A query with equal values is executed once, as
    orders of one account have many queries in common.
    """
    same: dict[tuple[str, bool, int], list[tuple[_Unit, _Statement]]] = {}
    for unit, statement in waiting:
        same.setdefault((statement.sql, statement.touched, len(statement.values)), []).append((unit, statement))
    for (sql, touched, count), waiting_units in same.items():
        values = [statement.values for _, statement in waiting_units]
        numbers: Sequence[int] = range(len(waiting_units))
        if waiting_units[0][1].reads:
            known: dict[tuple[Any, ...], int] = {}
            numbers = [known.setdefault(one, len(known)) for one in values]
            values = list(known)
        answers: list[list[Row]] = [[] for _ in values]
        numbered = [(*one, number) for number, one in enumerate(values)]
        for row in await connection.fetchmany(_marked(sql, touched=touched, mark=count + 1), numbered):
            answers[row[NUMBER]].append(row)
        for (unit, statement), number in zip(waiting_units, numbers, strict=True):
            unit.store_answer(statement, answers[number])


async def _insert(connection: Any, added: _Inserts) -> None:
    """Inserts the rows of all units in one message."""
    if added:
        arrays = [array for rows in added.values() for array in zip(*rows, strict=True)]
        await connection.execute(_combined(tuple(added)), *arrays)


@lru_cache(maxsize=128)
def _combined(inserts: tuple[_Insert, ...]) -> str:
    """Returns one statement for several INSERTs; PostgreSQL checks their foreign keys at its end."""
    texts: list[str] = []
    first = 1
    for sql, columns in inserts:
        texts.append(unnested(sql, columns, first))
        first += len(columns)
    *before, last = texts
    named = ", ".join(f"insert_{number} AS ({text})" for number, text in enumerate(before))
    return f"WITH {named} {last}" if named else last


@lru_cache(maxsize=1024)
def dialect(sql: str) -> str:
    """Returns a statement for PostgreSQL."""
    for word, locks in _LOCKS.items():
        sql = sql.replace(word, locks)
    return sql


@lru_cache(maxsize=128)
def unnested(sql: str, columns: tuple[tuple[str, ColumnType], ...], first: int = 1) -> str:
    """Returns a statement whose `{given}` has an array parameter for each column, from parameter `first` on."""
    arrays = ", ".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(columns, start=first))
    return sql.replace("{given}", f"unnest({arrays}) AS given({', '.join(name for name, _ in columns)})")


@lru_cache(maxsize=1024)
def _marked(sql: str, *, touched: bool, mark: int) -> str:
    """Returns a statement whose rows, or affected rows (`touched`), carry parameter `mark` in `NUMBER`."""
    sql = dialect(sql)
    if touched:
        return f"{sql} RETURNING ${mark}::int4 AS {NUMBER}"
    return f"SELECT ${mark}::int4 AS {NUMBER}, found.* FROM ({sql}) AS found"  # noqa: S608


@dataclass
class BatchRunner:
    """
    Runs units of work in batches, one batch at a time; units that arrive meanwhile form the next batch.

    `run_together` returns the results of several units of work, an exception for one that raised; or raises, with all
    of them rolled back. `run_alone` runs a single unit.
    """

    run_together: Callable[[Sequence[Work[Any]]], Awaitable[Sequence[Any]]]
    run_alone: Callable[[Work[Any]], Awaitable[Any]]
    #: error after which neither the units of the batch nor the waiting ones are tried one by one
    fatal: type[Exception]
    _waiting: deque[tuple[Work[Any], asyncio.Future[Any]]] = field(default_factory=deque)
    _running: asyncio.Task[None] | None = None

    async def run(self, work: Work[T]) -> T:
        """Runs a unit of work in a batch; returns its result or raises its exception."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run_all(), name="statement-batching")
        return await future

    async def finish(self) -> None:
        """Waits until no unit of work is in flight."""
        if self._running is not None:
            await self._running

    async def _run_all(self) -> None:
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            batch = [(work, future) for work, future in taken if not future.done()]  # drops units of cancelled callers
            results = await self._results([work for work, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                _complete(future, result)
                if isinstance(result, self.fatal):
                    self._fail_waiting(result)
        self._running = None

    def _fail_waiting(self, error: Exception) -> None:
        """Fails the waiting units with the error of the batch before them, which they would also meet."""
        while self._waiting:
            _complete(self._waiting.popleft()[1], error)

    async def _results(self, works: Sequence[Work[Any]]) -> Sequence[Any]:
        if len(works) > 1:
            try:
                return await self.run_together(works)
            except self.fatal as error:
                return [error] * len(works)
            except Exception:  # noqa: BLE001, S110 - one unit failed the batch, so each runs alone below
                pass
        return await asyncio.gather(*(self.run_alone(work) for work in works), return_exceptions=True)


def _complete(future: asyncio.Future[Any], result: Any) -> None:
    if future.done():  # the caller was cancelled; the commit stands
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)

"""
Quick units of work on PostgreSQL, statement by statement in step.

Orders that come in together ask the same questions and write the same rows. Alone, each waits for one answer after the
other and for a commit of its own. In step, the first statement of all of them is one message, then the second, and one
COMMIT is everybody's. What they only add is one message, too, into however many tables.
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

#: the text of an INSERT, and the columns of its `{given}`
_Insert = tuple[str, tuple[tuple[str, ColumnType], ...]]
#: for each of them, the rows
_Inserts = dict[_Insert, list[Sequence[Any]]]

#: units in one group at the most: more only lengthens the wait of the first
GROUP = 64
#: the column that says whose a row is
WHOSE = "in_step"
_LOCKS = {"{skip_locked}": "FOR UPDATE SKIP LOCKED", "{for_share}": "FOR SHARE", "{for_update}": "FOR UPDATE"}


@dataclass
class _Asked:
    """A statement that a unit of work waits for; `touched` when it wants to know how many rows, not which."""

    sql: str
    values: tuple[Any, ...]
    touched: bool = False

    @property
    def reads(self) -> bool:
        return self.sql.startswith("SELECT")

    def __await__(self) -> Generator[_Asked, Sequence[Row], Sequence[Row]]:
        return (yield self)


@dataclass
class _Added:
    """A row that a unit of work inserts, for which it waits no longer than for its next statement."""

    insert: _Insert
    values: Sequence[Any]

    def __await__(self) -> Generator[_Added, Sequence[Row], None]:
        yield self


class _Tx:
    """A `Tx` that hands its statements to whoever drives the unit of work."""

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        return await _Asked(sql, values)

    async def one(self, sql: str, *values: Any) -> Row | None:
        rows = await _Asked(sql, values)
        return rows[0] if rows else None

    async def run(self, sql: str, *values: Any) -> int:
        return len(await _Asked(sql, values, touched=True))

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        for values in rows:
            await self.run(sql, *values)

    async def together(
        self, sql: str, columns: Mapping[str, ColumnType], rows: Sequence[Sequence[Any]]
    ) -> Sequence[Row]:
        return await self.all(unnested(sql, tuple(columns.items())), *zip(*rows, strict=True)) if rows else []

    async def add(self, sql: str, columns: Mapping[str, ColumnType], values: Sequence[Any]) -> None:
        await _Added((sql, tuple(columns.items())), values)


@dataclass
class _Unit:
    coroutine: Coroutine[Any, Any, Any]
    asked: _Asked | None = None
    answer: Sequence[Row] | None = None
    result: Any = None
    wrote: bool = False

    def step(self, added: _Inserts) -> None:
        """
        Go on to the next statement, or to the end; what it inserts on the way is `added`.

        Raises what the unit raises if it has written something. Else that is its result.
        """
        try:
            reached = self.coroutine.send(self.answer)
            while isinstance(reached, _Added):
                self.wrote = True
                added.setdefault(reached.insert, []).append(reached.values)
                reached = self.coroutine.send(None)
            self.asked = cast("_Asked", reached)
        except StopIteration as done:
            self.asked, self.result = None, done.value
        except Exception as error:
            if self.wrote:
                raise
            self.asked, self.result = None, error

    def hear(self, asked: _Asked, answer: Sequence[Row]) -> None:
        """What came of the statement that it waits for."""
        self.answer = answer
        self.wrote = self.wrote or not (asked.reads or (asked.touched and not answer))


async def run_batched(connection: Any, works: Sequence[Work[Any]]) -> list[Any]:
    """
    Run units of work on one asyncpg connection, all in the transaction that it is in; their results. That of a unit
    that raised before it wrote anything is its exception: the others need not know.

    Raises whatever PostgreSQL raises, or one of them that had written; then none of them has come to its end.
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
            waiting = [(unit, unit.asked) for unit in units if unit.asked]
            # who writes waits for those who still ask: they may write the same, and then it is one message
            next_ones = [(unit, asked) for unit, asked in waiting if asked.reads] or waiting
            await _answer(connection, next_ones)
            answered = [unit for unit, _ in next_ones]
    finally:
        for unit in units:
            unit.coroutine.close()
    return [unit.result for unit in units]


async def _answer(connection: Any, waiting: Iterable[tuple[_Unit, _Asked]]) -> None:
    """
    Ask what the units wait for: each statement once, with the values of all that have it; and each question once,
    however many have it. Orders of one account have many in common.
    """
    same: dict[tuple[str, bool, int], list[tuple[_Unit, _Asked]]] = {}
    for unit, asked in waiting:
        same.setdefault((asked.sql, asked.touched, len(asked.values)), []).append((unit, asked))
    for (sql, touched, count), asking in same.items():
        values = [asked.values for _, asked in asking]
        numbers: Sequence[int] = range(len(asking))
        if asking[0][1].reads:
            known: dict[tuple[Any, ...], int] = {}
            numbers = [known.setdefault(one, len(known)) for one in values]
            values = list(known)
        answers: list[list[Row]] = [[] for _ in values]
        numbered = [(*one, number) for number, one in enumerate(values)]
        for row in await connection.fetchmany(_marked(sql, touched=touched, mark=count + 1), numbered):
            answers[row[WHOSE]].append(row)
        for (unit, asked), number in zip(asking, numbers, strict=True):
            unit.hear(asked, answers[number])


async def _insert(connection: Any, added: _Inserts) -> None:
    """Insert the rows of all units in one message."""
    if added:
        arrays = [array for rows in added.values() for array in zip(*rows, strict=True)]
        await connection.execute(_at_once(tuple(added)), *arrays)


@lru_cache(maxsize=128)
def _at_once(inserts: tuple[_Insert, ...]) -> str:
    """One statement that inserts into several tables; what refers to another's rows is checked at its end."""
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
    """The statement as PostgreSQL has it."""
    for word, locks in _LOCKS.items():
        sql = sql.replace(word, locks)
    return sql


@lru_cache(maxsize=128)
def unnested(sql: str, columns: tuple[tuple[str, ColumnType], ...], first: int = 1) -> str:
    """The statement with an array of values, from parameter `first` on, for each column of `{given}`."""
    arrays = ", ".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(columns, start=first))
    return sql.replace("{given}", f"unnest({arrays}) AS given({', '.join(name for name, _ in columns)})")


@lru_cache(maxsize=1024)
def _marked(sql: str, *, touched: bool, mark: int) -> str:
    """The statement whose rows say, in `WHOSE`, the number given as parameter `mark`; or how many rows it touched."""
    sql = dialect(sql)
    if touched:
        return f"{sql} RETURNING ${mark}::int4 AS {WHOSE}"
    return f"SELECT ${mark}::int4 AS {WHOSE}, found.* FROM ({sql}) AS found"  # noqa: S608


@dataclass
class BatchRunner:
    """
    Hands out units of work in groups, one group at a time: those that come while one is under way are the next.

    `run` gives the results of several units of work, an exception for one that raised, or raises, and then nothing has
    happened. `alone` runs one.
    """

    run: Callable[[Sequence[Work[Any]]], Awaitable[Sequence[Any]]]
    alone: Callable[[Work[Any]], Awaitable[Any]]
    #: what says that there is no use in trying one by one what failed together, nor what waits for it
    hopeless: type[Exception]
    _waiting: deque[tuple[Work[Any], asyncio.Future[Any]]] = field(default_factory=deque)
    _running: asyncio.Task[None] | None = None

    async def do(self, work: Work[T]) -> T:
        """Run a quick unit of work with its neighbours; raises what it raises."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run_all(), name="lockstep")
        return await future

    async def finish(self) -> None:
        """Wait until nothing is under way."""
        if self._running is not None:
            await self._running

    async def _run_all(self) -> None:
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            group = [(work, future) for work, future in taken if not future.done()]  # some have given up waiting
            results = await self._results([work for work, _ in group])
            for (_, future), result in zip(group, results, strict=True):
                _settle(future, result)
                if isinstance(result, self.hopeless):
                    self._give_up(result)
        self._running = None

    def _give_up(self, error: Exception) -> None:
        """Tell those who wait what the ones before them were told: they would wait for the same."""
        while self._waiting:
            _settle(self._waiting.popleft()[1], error)

    async def _results(self, works: Sequence[Work[Any]]) -> Sequence[Any]:
        if len(works) > 1:
            try:
                return await self.run(works)
            except self.hopeless as error:
                return [error] * len(works)
            except Exception:  # noqa: BLE001, S110 - one of them failed, and with it all: each for itself, below
                pass
        return await asyncio.gather(*(self.alone(work) for work in works), return_exceptions=True)


def _settle(future: asyncio.Future[Any], result: Any) -> None:
    if future.done():  # the caller was cancelled; what was committed stays committed
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)

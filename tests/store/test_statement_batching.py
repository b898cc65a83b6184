"""Tests of the order and failure of batches; tests on real databases are in test_stores."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from greenroom.errors import Unavailable
from greenroom.store.db import Tx, Work
from greenroom.store.statement_batching import GROUP, BatchRunner, run_batched


async def nothing(_: Tx) -> None:
    """Does nothing, as a unit of work."""


async def test_waiting_units_fail_with_the_batch_before_them() -> None:
    """Units behind an unavailable database fail at once, and a later unit tries again."""
    batch_sizes, away = list[int](), True

    async def run(works: Sequence[Work[Any]]) -> Sequence[Any]:
        batch_sizes.append(len(works))
        if away:
            raise Unavailable
        return [None] * len(works)

    runner = BatchRunner(run, lambda work: run([work]), fatal=Unavailable)
    results = await asyncio.gather(*(runner.run(nothing) for _ in range(3 * GROUP)), return_exceptions=True)
    assert {type(one) for one in results} == {Unavailable}
    assert batch_sizes == [GROUP]

    away = False
    assert await asyncio.gather(*(runner.run(nothing) for _ in range(2))) == [None, None]
    assert batch_sizes == [GROUP, 2]


class Messages:
    """A connection that records statements and returns no rows."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def fetchmany(self, sql: str, values: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """Records a statement, in place of asyncpg's method."""
        self.sent.append(f"{len(values)} {next(word for word in ('UPDATE', 'FROM a', 'FROM b') if word in sql)}")
        return []


async def test_writes_wait_for_reads() -> None:
    """Equal writes of units with different reads are one message."""

    async def reads_and_writes(tx: Tx) -> None:
        await tx.one("SELECT id FROM a WHERE id = $1", "1")
        await writes(tx)

    async def writes(tx: Tx) -> None:
        await tx.run("UPDATE b SET id = $1", "1")
        await tx.one("SELECT id FROM b WHERE id = $1", "1")

    connection = Messages()
    await run_batched(connection, [reads_and_writes, writes, reads_and_writes])

    assert connection.sent == ["1 FROM a", "3 UPDATE", "1 FROM b"]

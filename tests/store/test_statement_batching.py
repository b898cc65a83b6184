"""Batches of units of work: who waits behind a database that is away. What they do there is in test_stores."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from greenroom.errors import Unavailable
from greenroom.store.db import Tx, Work
from greenroom.store.statement_batching import GROUP, BatchRunner, run_batched


async def nothing(_: Tx) -> None:
    """A unit of work."""


async def test_whoever_waits_hears_what_the_group_before_heard() -> None:
    """One after the other they would wait as long each; the next that comes finds out anew."""
    groups_asked, away = list[int](), True

    async def run(works: Sequence[Work[Any]]) -> Sequence[Any]:
        groups_asked.append(len(works))
        if away:
            raise Unavailable
        return [None] * len(works)

    groups = BatchRunner(run, lambda work: run([work]), hopeless=Unavailable)
    told = await asyncio.gather(*(groups.do(nothing) for _ in range(3 * GROUP)), return_exceptions=True)
    assert {type(one) for one in told} == {Unavailable}
    assert groups_asked == [GROUP]

    away = False
    assert await asyncio.gather(*(groups.do(nothing) for _ in range(2))) == [None, None]
    assert groups_asked == [GROUP, 2]


class Messages:
    """A connection that finds nothing and notes what it is asked."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def fetchmany(self, sql: str, values: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """As asyncpg's."""
        self.sent.append(f"{len(values)} {next(word for word in ('UPDATE', 'FROM a', 'FROM b') if word in sql)}")
        return []


async def test_who_writes_waits_for_those_who_still_ask() -> None:
    """Units that ask differently and write the same, write in one message."""

    async def asks(tx: Tx) -> None:
        await tx.one("SELECT id FROM a WHERE id = $1", "1")
        await writes(tx)

    async def writes(tx: Tx) -> None:
        await tx.run("UPDATE b SET id = $1", "1")
        await tx.one("SELECT id FROM b WHERE id = $1", "1")

    connection = Messages()
    await run_batched(connection, [asks, writes, asks])

    assert connection.sent == ["1 FROM a", "3 UPDATE", "1 FROM b"]

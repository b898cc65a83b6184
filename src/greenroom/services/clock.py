"""The difference between this process's clock and the database's."""

from __future__ import annotations

from datetime import datetime, timedelta

from greenroom.context import Context, snapshot
from greenroom.store import db
from greenroom.store.db import Tx, from_ms


async def skew(ctx: Context) -> timedelta:
    """Returns the least time by which this process's clock is ahead of the database's, query time deducted."""
    asked = ctx.now()
    there = await _database_time(ctx)
    answered = ctx.now()
    if there < asked:
        return asked - there
    return min(answered - there, timedelta(0))


@snapshot
async def _database_time(_: Context, tx: Tx) -> datetime:
    return from_ms(await db.now_ms(tx))

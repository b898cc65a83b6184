"""The time, as this process and as the database has it."""

from __future__ import annotations

from datetime import datetime, timedelta

from greenroom.context import Context, snapshot
from greenroom.store import db
from greenroom.store.db import Tx, from_ms


async def skew(ctx: Context) -> timedelta:
    """How far this process's clock is ahead of the database's, at the least: what the question took is let off."""
    asked = ctx.now()
    there = await _database_time(ctx)
    answered = ctx.now()
    if there < asked:
        return asked - there
    return min(answered - there, timedelta(0))


@snapshot
async def _database_time(_: Context, tx: Tx) -> datetime:
    return from_ms(await db.now_ms(tx))

"""Retention: what is older than the operator wants is deleted, a little at a time."""

from __future__ import annotations

from datetime import timedelta

from greenroom.context import Context, transaction
from greenroom.security.tokens import first_id
from greenroom.store import retention as retention_rows
from greenroom.store.db import Tx

#: rows of one batch: a few milliseconds, so that nobody waits for its commit
BATCH = 200


@transaction
async def sweep(ctx: Context, tx: Tx, *, after: str = "") -> tuple[str | None, int]:
    """
    Delete one batch of attempts and one of events with their ended deliveries; where the next batch of events begins,
    None at the end, and how many rows were deleted. What is still on its way or held is never deleted, nor any order.
    """
    age = timedelta(days=ctx.settings.retention_days)
    attempts = await retention_rows.delete_attempts(tx, age_ms=int(age.total_seconds() * 1000), limit=BATCH)
    # ids sort by time, so what is too young is not even looked at
    too_young = first_id("evt", ctx.now() - age)
    last, events = await retention_rows.delete_events(tx, after=after, before=too_young, limit=BATCH)
    return last, attempts + events

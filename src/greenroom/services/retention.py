"""Retention: what is older than the operator wants is deleted, a little at a time."""

from __future__ import annotations

from greenroom.context import Context, transaction
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
    age_ms = ctx.settings.retention_days * 86_400_000
    attempts = await retention_rows.delete_attempts(tx, age_ms=age_ms, limit=BATCH)
    last, events = await retention_rows.delete_events(tx, after=after, age_ms=age_ms, limit=BATCH)
    return last, attempts + events

"""Retention: deletes expired data in small batches."""

from __future__ import annotations

from datetime import timedelta

from greenroom.context import Context, transaction
from greenroom.security.tokens import first_id
from greenroom.store import projects as project_rows
from greenroom.store import reports as report_rows
from greenroom.store import retention as retention_rows
from greenroom.store.db import Tx

#: events of one batch, which takes a few milliseconds and so delays no other transaction
BATCH = 100
DAY_MS = 24 * 3600 * 1000


@transaction
async def delete_expired(ctx: Context, tx: Tx, *, after: str = "") -> tuple[str | None, int]:
    """
    Deletes the expired events among the next batch, with their deliveries and attempts.

    Returns where the next batch begins, None after the last one, and how many events were deleted. An event that has a
    pending or held delivery is kept, only its old attempts are deleted; orders are never deleted.
    """
    own = await project_rows.kept_for(tx)
    default_days = ctx.settings.retention_days
    # ids sort by time, so the query skips events too young for every retention period
    too_young = {days: first_id("evt", ctx.now() - timedelta(days=days)) for days in {default_days, *own.values()}}
    candidates = await retention_rows.next_events(tx, after=after, before=max(too_young.values()), limit=BATCH)
    kept = [(event, own.get(event["project_id"], default_days)) for event in candidates]
    old = [(event, days) for event, days in kept if event["id"] < too_young[days]]
    await retention_rows.delete_attempts(tx, [(event["id"], days * DAY_MS) for event, days in old if event["alive"]])
    deleted = await retention_rows.delete_events(tx, [event["id"] for event, _ in old if not event["alive"]])
    return (candidates[-1]["id"] if len(candidates) == BATCH else None), deleted


@transaction
async def delete_old_reports(ctx: Context, tx: Tx) -> int:
    """Deletes one batch of an ATS's reports that are older than their project keeps them; returns how many."""
    own = await project_rows.kept_for(tx)
    days = ctx.settings.retention_days
    old = await report_rows.list_old(tx, days=days, shortest=min([days, *own.values()]), limit=BATCH)
    await report_rows.delete(tx, old)
    return len(old)

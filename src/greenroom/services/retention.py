"""Retention: deletes expired data in small batches."""

from __future__ import annotations

from datetime import timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict
from greenroom.security.tokens import first_id
from greenroom.services import erasure
from greenroom.store import events as event_rows
from greenroom.store import orders as order_rows
from greenroom.store import projects as project_rows
from greenroom.store import reports as report_rows
from greenroom.store import resumes as resume_rows
from greenroom.store import retention as retention_rows
from greenroom.store.db import Tx

#: events of one batch, which takes a few milliseconds and so delays no other transaction
BATCH = 100
DAY_MS = 24 * 3600 * 1000
#: orders of one batch of `erase_old_orders`
ORDERS = 20


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
async def delete_old_resumes(ctx: Context, tx: Tx, *, after: str = "") -> tuple[str | None, int]:
    """
    Deletes the resumes of the next batch of orders that are older than their project keeps events.

    Returns where the next batch begins, None after the last one, and how many were deleted.
    """
    own = await project_rows.kept_for(tx)
    default_days = ctx.settings.retention_days
    too_young = {days: first_id("ord", ctx.now() - timedelta(days=days)) for days in {default_days, *own.values()}}
    rows = await resume_rows.next_resumes(tx, after=after, before=max(too_young.values()), limit=BATCH)
    old = [row["id"] for row in rows if row["id"] < too_young[own.get(row["project_id"], default_days)]]
    deleted = sum([await resume_rows.delete(tx, order_id) for order_id in old])
    return (rows[-1]["id"] if len(rows) == BATCH else None), deleted


@transaction
async def delete_old_reports(ctx: Context, tx: Tx) -> int:
    """Deletes one batch of an ATS's reports that are older than their project keeps them; returns how many."""
    own = await project_rows.kept_for(tx)
    days = ctx.settings.retention_days
    old = await report_rows.list_old(tx, days=days, shortest=min([days, *own.values()]), limit=BATCH)
    await report_rows.delete(tx, old)
    return len(old)


async def erase_old_orders(ctx: Context) -> int:
    """
    Erases the content of one batch of each project's orders that are older than its `order_retention_days`.

    Whether an order has ended makes no difference; its waiting deliveries are cancelled. An order with an attempt in
    flight is left to a later batch. Returns how many orders were examined.
    """
    return sum([await _erase_old_orders(ctx, *project) for project in await _list_erasing(ctx)])


@snapshot
async def _list_erasing(_: Context, tx: Tx) -> list[tuple[str, int, str]]:
    rows = await project_rows.list_erasing(tx)
    return [(row["id"], row["order_retention_days"], row["orders_erased_up_to"] or "") for row in rows]


@transaction
async def _erase_old_orders(ctx: Context, tx: Tx, project_id: str, days: int, after: str) -> int:
    # ids sort by time, and `after` is the last one of the batch before: erased orders are not read again
    before = first_id("ord", ctx.now() - timedelta(days=days))
    rows = await order_rows.next_orders(tx, project_id, after=after, before=before, limit=ORDERS)
    examined = 0
    for row in rows:
        order = await order_rows.find_of_account(tx, row["account_id"], row["id"], lock=True)
        if order is not None:
            try:
                await erasure.erase_locked(ctx, tx, order, reason=f" The project keeps it for {days} days.")
            except Conflict:
                break
        after, examined = row["id"], examined + 1
    if examined:
        await project_rows.orders_erased_up_to(tx, project_id, after)
    return examined


@transaction
async def erase_delivered(_: Context, tx: Tx, *, after: str = "") -> tuple[str | None, int]:
    """
    Erases the payloads of one batch of events of minimal orders whose deliveries have all ended.

    Returns where the next batch begins, None after the last one, and how many were erased. A dead-lettered delivery
    keeps its payload, since a retry sends it.
    """
    rows = await event_rows.next_to_erase(tx, after=after, limit=BATCH)
    erased = 0
    for row in rows:
        if row["is_open"]:
            continue
        # a replay locks the order before it adds a delivery
        await order_rows.find_of_account(tx, row["account_id"], row["order_id"], lock=True)
        erased += await event_rows.erase_delivered(tx, row["id"])
    return (rows[-1]["id"] if len(rows) == BATCH else None), erased

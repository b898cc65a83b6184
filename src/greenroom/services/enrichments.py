"""
Enrichment of orders: claims orders to be read for, and stores the results.

The order's event waits for its enrichment at most `model.enrichment.PATIENCE`: its deliveries are stored with that due
time. A result before the first attempt is written into the event, whose deliveries are then due at once. A later
result is published as an event of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import NotFound
from greenroom.model.accounts import Account
from greenroom.model.enrichment import PATIENCE, WAITS, Batch, Enriched, Enrichment, Read, given_up
from greenroom.model.events import ORDER_UPDATED, order_payload, stamp, updated_payload
from greenroom.model.integrations import Integration
from greenroom.model.orders import Order
from greenroom.security.vault import VaultError
from greenroom.services import events, integrations, orders
from greenroom.store import accounts as account_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import enrichments as enrichment_rows
from greenroom.store import events as event_rows
from greenroom.store import order_logs as order_log_rows
from greenroom.store import orders as order_rows
from greenroom.store.db import Row, Tx, from_json, from_ms, to_json

log = structlog.get_logger("greenroom.enrichment")

#: orders of one account that are read for together
MOST = 50
#: lease of an account's turn, longer than a batch may take
LEASE = timedelta(seconds=45)
#: cached answers are deleted after this time
CACHE_KEPT = timedelta(days=7)
#: cached answers deleted in one transaction
CACHE_BATCH = 500


@dataclass(frozen=True)
class Due:
    """
    Orders of one account that are due to be enriched, under a lease.

    `integration` is None if it is gone or its secrets cannot be opened, `account` is None if it is deleted.
    """

    lease: str
    account_id: str
    orders: Sequence[Order]
    account: Account | None
    integration: Integration | None


@dataclass(frozen=True)
class Cached:
    """A cached answer and when it was read."""

    content: Any
    fetched_at: datetime


@snapshot
async def has_due(_: Context, tx: Tx) -> bool:
    """Returns whether an order is due to be enriched."""
    return await enrichment_rows.has_due(tx)


@transaction
async def claim(ctx: Context, tx: Tx) -> Due | None:
    """Leases an account with due orders to this worker; None when there is none that no other worker reads for."""
    lease = ctx.new_id("lea")
    account_id = await enrichment_rows.take_turn(tx, lease, lease_ms=_ms(LEASE))
    if account_id is None:
        return None
    rows = await enrichment_rows.list_due(tx, account_id, limit=MOST)
    found = await order_rows.list_by_id(tx, account_id, [row["order_id"] for row in rows])
    account = await account_rows.find(tx, found[0].project_id, account_id) if found else None
    integration = await _integration(ctx, tx, account) if account else None
    return Due(lease, account_id, found, account, integration)


async def _integration(ctx: Context, tx: Tx, account: Account) -> Integration | None:
    try:
        return await integrations.read(ctx, tx, account.project_id, account.provider)
    except (NotFound, VaultError) as error:
        log.warning("integration_unreadable", account_id=account.id, cause=str(error))
        return None


@transaction
async def interrupt(_: Context, tx: Tx) -> None:
    """Ends the leases of a killed worker, where no other worker can use the database (SQLite)."""
    await enrichment_rows.end_turns(tx)


@transaction
async def release(_: Context, tx: Tx, due: Due) -> None:
    """Ends a lease without a result: the orders stay due."""
    await enrichment_rows.end_turn(tx, due.account_id, due.lease, pause_ms=1000)


@transaction(queues=True)
async def complete(ctx: Context, tx: Tx, due: Due, batch: Batch) -> bool:
    """
    Stores the results for the orders of a claim, makes their waiting deliveries due, and ends the lease.

    Returns False, and writes nothing, if the lease has passed to another worker.
    """
    if not await enrichment_rows.holds_turn(tx, due.account_id, due.lease):
        return False
    for order_id, outcome in sorted(batch.outcomes.items()):
        job = await enrichment_rows.find(tx, order_id)
        order = await order_rows.find_of_account(tx, due.account_id, order_id, lock=True)
        if job is None or order is None:
            continue
        if order.erased_at is not None:
            await enrichment_rows.delete(tx, order_id)
            continue
        await _store(ctx, tx, order, job, outcome)
    await enrichment_rows.end_turn(tx, due.account_id, due.lease, pause_ms=_ms(batch.pause))
    return True


async def _store(ctx: Context, tx: Tx, order: Order, job: Row, outcome: Enriched) -> None:
    retries = outcome.retry and job["attempts"] < len(WAITS)
    found = replace(outcome.enrichment, pending=True) if retries else given_up(outcome.enrichment)
    before = order.enrichment
    if before is not None and not found.has_more_than(before) and found.status != "complete":
        # a later attempt that found less than an earlier one takes nothing away
        found = replace(before, reason=found.reason, at=found.at, pending=found.pending)
    order = replace(order, enrichment=found, updated_at=ctx.now())
    await order_rows.save(tx, order)
    if found.candidate and found.candidate.get("id"):  # webhooks of the ATS name the candidate by this id
        await order_rows.set_candidate(tx, order.id, str(found.candidate["id"]))
    wait = (outcome.wait or WAITS[job["attempts"]]) if retries else timedelta()
    if retries:
        await enrichment_rows.postpone(tx, order.id, wait_ms=_ms(wait))
    else:
        await enrichment_rows.delete(tx, order.id)
    then = await _publish(ctx, tx, order, job["event_id"], before, again_at=ctx.now() + wait)
    detail = {"status": found.status, "reason": found.reason, "reads": [_read_detail(one) for one in outcome.reads]}
    message = f"{_summary(found, outcome.reads)} {then}"
    await order_log_rows.add(tx, ctx.new_id("log"), order.id, "enrichment", message.strip(), detail)


async def _publish(
    ctx: Context, tx: Tx, order: Order, event_id: str, before: Enrichment | None, *, again_at: datetime
) -> str:
    """Writes an order's enrichment into its event, or publishes it if the event was sent; returns a sentence."""
    found = order.enrichment
    assert found is not None  # noqa: S101 - for the type checker
    url = orders.update_url(ctx, order)
    if await delivery_rows.lock_unattempted(tx, event_id):
        payload = order_payload(order, update_url=url, at=order.created_at)
        await event_rows.replace_payload(tx, event_id, to_json(payload))
        if not found.pending or again_at > order.created_at + PATIENCE:
            await delivery_rows.make_event_due(tx, event_id)
            return "The order's event has this." if not found.pending else "The order's event goes out with this."
        return "The order's event waits for the next attempt, at most 10 seconds in all."
    if before is not None and not found.has_more_than(before):
        return "The order's event was sent before."
    event_type = ORDER_UPDATED[order.category]
    payload = updated_payload(order, update_url=url, at=ctx.now())
    count = await events.publish(
        ctx, tx, order.project_id, event_type, payload, account_id=order.account_id, order_id=order.id, hold=False
    )
    if not count:
        return f"The order's event was sent before, and no webhook subscribes to {event_type}."
    recipients = orders.describe_recipients(count, event_type)
    return f"The order's event was sent before, so {event_type} follows: {recipients}."


def _summary(found: Enrichment, reads: Sequence[Read]) -> str:
    failed = [read for read in reads if not read.ok]
    said = {
        "complete": "The order is enriched",
        "partial": "The order is enriched in part",
        "none": "Nothing was found",
    }
    reason = f" ({found.reason})" if found.reason else ""
    made = f"; {len(reads)} read{'' if len(reads) == 1 else 's'}" if reads else "; nothing was read"
    problem = f", {failed[0].name}: {failed[0].result}" if failed else "."
    return f"{said[found.status]}{reason}{made}{problem}"


def _read_detail(read: Read) -> dict[str, Any]:
    return {
        "name": read.name,
        "at": stamp(read.at),
        "ms": read.ms,
        "status": read.status,
        "ok": read.ok,
        "result": read.result,
    }


@snapshot
async def read_cache(_: Context, tx: Tx, account_id: str, keys: Sequence[str], *, ttl: timedelta) -> dict[str, Cached]:
    """Returns cached answers that are not older than the TTL, by key."""
    rows = await enrichment_rows.read_cache(tx, account_id, keys, ttl_ms=_ms(ttl))
    return {row["key"]: Cached(from_json(row["content"]), from_ms(row["fetched_at"])) for row in rows}


@transaction
async def save_cache(_: Context, tx: Tx, account_id: str, contents: Mapping[str, Any]) -> None:
    """Stores answers in the cache, by key."""
    await enrichment_rows.save_cache(tx, account_id, {key: to_json(content) for key, content in contents.items()})


@transaction
async def delete_old_cache(_: Context, tx: Tx) -> int:
    """Deletes one batch of old cached answers; returns how many."""
    return await enrichment_rows.delete_old_cache(tx, over_ms=_ms(CACHE_KEPT), most=CACHE_BATCH)


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)

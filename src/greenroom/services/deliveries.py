"""Deliveries: claimed and settled by the engine, looked at and retried by people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from greenroom.context import Context, queueing, snapshot, transaction
from greenroom.errors import Conflict, GiveUp, NotFound, RemoteError
from greenroom.model.attempts import Ended
from greenroom.model.deliveries import Claimed, Lane, Next, State, Trigger, after_attempt
from greenroom.model.events import stamp
from greenroom.services import breakers
from greenroom.store import deliveries as delivery_rows
from greenroom.store import orders as order_rows
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Row, Tx, from_ms, maybe_from_ms, to_json, to_ms


@dataclass(frozen=True)
class Attempt:
    """An attempt on record. One of which nothing is known was cut off: its worker stopped."""

    number: int
    trigger: Trigger
    started_at: datetime
    duration_ms: int
    status: int | None
    error_kind: str | None
    error: str | None
    address: str | None
    request: dict[str, Any]
    response: dict[str, Any]
    next_due_at: datetime | None
    worker: str


@dataclass(frozen=True)
class Delivery:
    """An event on its way to one destination. `due_at` is when the next attempt is due, None when none is."""

    id: str
    event_id: str
    event_name: str
    order_id: str | None
    account_id: str | None
    lane: Lane
    destination_id: str
    state: State
    under_way: bool
    attempts_made: int
    due_at: datetime | None
    last_error: str | None
    created_at: datetime
    updated_at: datetime
    attempts: tuple[Attempt, ...] = ()


@snapshot
async def next_due(_: Context, tx: Tx) -> timedelta | None:
    """How long until a delivery is due, negative when overdue; None when nothing waits."""
    wait = await delivery_rows.next_due_ms(tx)
    return None if wait is None else timedelta(milliseconds=wait)


@transaction
async def settle(
    ctx: Context, tx: Tx, ended: Sequence[Ended], *, worker: str, watched: Set[str] = frozenset()
) -> list[State | None]:
    """
    Put attempts on record and decide what becomes of their deliveries and of their destinations' breakers, together.

    `watched`: destinations that were seen in trouble, so that their good answers count.
    Each delivery's new state; None: its lease had passed to another worker, so that the attempt is on record and the
    delivery is the other's.
    """
    following = await _move_on(ctx, tx, ended)
    pairs = list(zip(ended, following, strict=True))
    await delivery_rows.add_attempts(tx, [_attempt_row(ctx, one, worker, after) for one, after in pairs])
    await breakers.record(tx, [one for one, after in pairs if after], watched=watched)
    for one, after in pairs:
        if after and one.claimed.lane == "ats":
            await _tell_order(ctx, tx, one.claimed, after, one.fault)
        elif after and isinstance(one.fault, GiveUp) and one.fault.gone:
            await _disable(ctx, tx, one.claimed)
    return [after.state if after else None for after in following]


async def _move_on(ctx: Context, tx: Tx, ended: Sequence[Ended]) -> list[Next | None]:
    """What becomes of each delivery, written; None: not ours to say any more."""
    following = [after_attempt(one.claimed.lane, one.claimed.step, one.fault, chance=ctx.chance()) for one in ended]
    held = await delivery_rows.settle(
        tx,
        [
            (one.claimed.id, one.claimed.lease, after.state, _ms(after.wait), one.fault.reason if one.fault else None)
            for one, after in zip(ended, following, strict=True)
        ],
    )
    # should two attempts at one delivery come together, the first one's lease had passed to the second
    newest = {one.claimed.id: one.claimed.lease for one in sorted(ended, key=lambda one: one.claimed.attempt)}
    return [
        after if one.claimed.id in held and one.claimed.lease == newest[one.claimed.id] else None
        for one, after in zip(ended, following, strict=True)
    ]


def _ms(span: timedelta | None) -> int:
    return int(span.total_seconds() * 1000) if span else 0


def _attempt_row(ctx: Context, ended: Ended, worker: str, following: Next | None) -> tuple[Any, ...]:
    """As `store.deliveries.add_attempts` takes it."""
    claimed, exchange, fault = ended.claimed, ended.exchange, ended.fault
    waits = following is not None and following.state == "pending"
    return (
        ended.id,
        claimed.project_id,
        claimed.id,
        claimed.attempt,
        claimed.trigger,
        to_ms(ended.started_at),
        round(ended.duration.total_seconds() * 1000),
        exchange.status,
        fault.kind if fault else None,
        fault.reason if fault else None,
        exchange.address,
        to_json({"url": exchange.url, "headers": dict(exchange.headers)}),
        # PostgreSQL's TEXT refuses NUL
        to_json({"headers": dict(exchange.response_headers), "body": exchange.response_body}).replace(
            "\\u0000", "\\ufffd"
        ),
        to_ms(ctx.now()) + _ms(following.wait) if waits and following else None,
        worker,
    )


async def _tell_order(ctx: Context, tx: Tx, claimed: Claimed, following: Next, fault: RemoteError | None) -> None:
    """The order's own view of its way to the ATS; what the ATS has acknowledged stays so."""
    order = await order_rows.find_of_account(tx, str(claimed.account_id), str(claimed.order_id), lock=True)
    if order is None or order.delivery == "acknowledged":
        return
    if following.state == "delivered":
        changed = replace(order, delivery="sent", delivery_detail="The ATS was told and has not asked yet.")
    elif following.state == "dead" and fault is not None:
        changed = replace(order, delivery="refused", delivery_detail=fault.reason)
        await order_rows.log(tx, ctx.new_id("log"), order.id, "alert", f"The ATS cannot be told: {fault.reason}")
    else:
        changed = replace(order, delivery_detail=fault.reason if fault else None)
    await order_rows.save(tx, replace(changed, updated_at=ctx.now()))


async def _disable(ctx: Context, tx: Tx, claimed: Claimed) -> None:
    """410 Gone: the endpoint asks never to be called again. What else waits for it is held, not lost."""
    webhook = await webhook_rows.find(tx, claimed.project_id, claimed.destination_id)
    if webhook is None or not webhook.enabled:
        return
    reason = "it answered 410 Gone"
    await webhook_rows.save(tx, replace(webhook, enabled=False, disabled_reason=reason, updated_at=ctx.now()))
    await delivery_rows.change_state(tx, webhook.id, old="pending", new="held")


@snapshot
async def get(_: Context, tx: Tx, project_id: str, delivery_id: str) -> Delivery:
    """
    A project's delivery with its attempts.

    Raises:
        NotFound: there is none, or it is another project's.
    """
    return await _read(tx, project_id, delivery_id)


@snapshot
async def list_deliveries(
    _: Context, tx: Tx, project_id: str, filters: Mapping[str, str | None], *, before: str | None, limit: int
) -> list[Delivery]:
    """A project's deliveries with their attempts, newest first; see `store.deliveries.list_deliveries`."""
    rows = await delivery_rows.list_deliveries(tx, project_id, filters, before=before, limit=limit)
    return await with_attempts(tx, project_id, rows)


@queueing
async def retry(_: Context, tx: Tx, project_id: str, delivery_id: str) -> Delivery:
    """
    Try a delivery again now, whatever became of it; its schedule begins anew, its event id stays.

    Raises:
        NotFound: there is none, or it is another project's.
        Conflict: an attempt is under way.
    """
    await _read(tx, project_id, delivery_id)
    if not await delivery_rows.make_due(tx, delivery_id):
        raise Conflict("An attempt is under way; look again in a few seconds.", code="DeliveryUnderWay")
    return await _read(tx, project_id, delivery_id)


async def _read(tx: Tx, project_id: str, delivery_id: str) -> Delivery:
    row = await delivery_rows.find(tx, project_id, delivery_id)
    if row is None:
        raise NotFound(f"No delivery {delivery_id} in this project.")
    return (await with_attempts(tx, project_id, [row]))[0]


async def with_attempts(tx: Tx, project_id: str, rows: Sequence[Row]) -> list[Delivery]:
    """Deliveries from their rows, attempts joined, inside another service's transaction."""
    by_delivery: dict[str, list[Attempt]] = {row["id"]: [] for row in rows}
    for row in await delivery_rows.list_attempts(tx, project_id, list(by_delivery)):
        by_delivery[row["delivery_id"]].append(_attempt(row))
    return [_delivery(row, tuple(by_delivery[row["id"]])) for row in rows]


def attempt_detail(attempt: Attempt) -> dict[str, Any]:
    """An attempt in plain JSON values."""
    return {
        "number": attempt.number,
        "trigger": attempt.trigger,
        "started_at": stamp(attempt.started_at),
        "duration_ms": attempt.duration_ms,
        "status": attempt.status,
        "error_kind": attempt.error_kind,
        "error": attempt.error,
        "address": attempt.address,
        "request": attempt.request,
        "response": attempt.response,
        "next_due_at": stamp(attempt.next_due_at) if attempt.next_due_at else None,
        "worker": attempt.worker,
    }


def _delivery(row: Row, attempts: tuple[Attempt, ...]) -> Delivery:
    under_way = row["lease"] is not None and row["state"] == "pending"
    return Delivery(
        id=row["id"],
        event_id=row["event_id"],
        event_name=row["event_name"],
        order_id=row["order_id"],
        account_id=row["account_id"],
        lane=row["lane"],
        destination_id=row["destination_id"],
        state=row["state"],
        under_way=under_way,
        attempts_made=row["attempts"],
        due_at=from_ms(row["due_at"]) if row["state"] == "pending" and not under_way else None,
        last_error=row["last_error"],
        created_at=from_ms(row["created_at"]),
        updated_at=from_ms(row["updated_at"]),
        attempts=attempts,
    )


def _attempt(row: Row) -> Attempt:
    return Attempt(
        number=row["number"],
        trigger=row["trigger"],
        started_at=from_ms(row["started_at"]),
        duration_ms=row["duration_ms"],
        status=row["status"],
        error_kind=row["error_kind"],
        error=row["error"],
        address=row["address"],
        request=json.loads(row["request"]),
        response=json.loads(row["response"]),
        next_due_at=maybe_from_ms(row["next_due_at"]),
        worker=row["worker"],
    )

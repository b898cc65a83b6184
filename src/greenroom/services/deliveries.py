"""Deliveries: the engine records their attempts, people list and retry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, GiveUp, NotFound, RemoteError
from greenroom.model.attempts import FinishedAttempt, Recorded
from greenroom.model.deliveries import PATIENCE, Claimed, Lane, Next, State, after_attempt, nudge_until_read
from greenroom.model.events import is_order_created, stamp
from greenroom.model.funnel import Reached
from greenroom.model.orders import Order
from greenroom.services import alerts, attempts, audit, breakers, updates
from greenroom.services.attempts import Attempt
from greenroom.store import claims as claim_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import order_logs as order_log_rows
from greenroom.store import orders as order_rows
from greenroom.store import updates as update_rows
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Row, Tx, from_ms, maybe_from_ms

#: deliveries dead-lettered or held per transaction
TOGETHER = 200
#: an order's alert when a delivery to a webhook was dead-lettered
DELIVERY_FAILED = (
    "The delivery to webhook {webhook} failed and is not retried automatically: {reason} Correct the cause, then "
    "retry the delivery."
)


@dataclass(frozen=True)
class Delivery:
    """
    An event to deliver to one destination.

    `due_at` is when the next attempt is due, None when none is. After `erased_at`, no content is left, neither to send
    nor of earlier attempts.
    """

    id: str
    event_id: str
    event_name: str
    order_id: str | None
    account_id: str | None
    lane: Lane
    destination_id: str
    state: State
    in_flight: bool
    attempts_made: int
    due_at: datetime | None
    last_error: str | None
    erased_at: datetime | None
    created_at: datetime
    updated_at: datetime
    attempts: tuple[Attempt, ...] = ()


@snapshot(kind="batchable")
async def backlog_age(_: Context, tx: Tx) -> timedelta:
    """How long the oldest due delivery has waited; nothing when none is due."""
    waits = await delivery_rows.next_due_ms(tx)
    return timedelta(milliseconds=max([0, *(-wait for wait in waits.values())]))


@transaction(kind="short")
async def record_attempts(
    ctx: Context, tx: Tx, ended: Sequence[FinishedAttempt], *, worker: str, watched: Set[str] = frozenset()
) -> list[Recorded | None]:
    """
    Records attempts, with the new states of their deliveries and breakers, in one transaction.

    `watched` has destinations with a breaker row, whose successes count. Returns each delivery's new state, or None if
    its lease had passed to another worker: the attempt is recorded and the delivery is left to that worker.
    """
    orders = await _lock_orders(tx, [one.claimed for one in ended])
    following, providers = await _move_on(ctx, tx, ended, orders)
    now = ctx.now()
    settled = [
        Recorded(after.state, now + after.wait if after.wait else None, _notified(one, providers, now))
        if after
        else None
        for one, after in zip(ended, following, strict=True)
    ]
    pairs = list(zip(ended, following, settled, strict=True))
    # a delivery whose lease is still this worker's is locked, so that its content cannot have been erased meanwhile
    late = [one.claimed for one, after, _ in pairs if after is None]
    erased = await delivery_rows.erased(tx, [one.id for one in late]) if late else frozenset()
    await delivery_rows.drop_interrupted(tx, [(one.id, one.attempt) for one in late])
    rows = [attempts.to_row(one, worker, left, erased=one.claimed.id in erased) for one, _, left in pairs]
    await delivery_rows.add_attempts(tx, rows)
    await breakers.record(ctx, tx, [one for one, after, _ in pairs if after], watched=watched)
    for number, (one, after, left) in enumerate(pairs):
        if after and left and one.claimed.id in orders:
            order = await updates.record_attempt(ctx, tx, orders[one.claimed.id], one, after, left.next_due_at)
            settled[number] = replace(left, reached=order.list_reached())
            if one.nudging is None:
                await update_rows.release_next_update(tx, str(one.claimed.order_id))
        if after and after.state == "dead" and one.fault is not None:
            await _dead_letter(ctx, tx, one.claimed, one.fault)
    return settled


@transaction(queues=True)
async def dead_letter_overdue(ctx: Context, tx: Tx) -> int:
    """Dead-letters a batch of deliveries overdue by `PATIENCE` behind an open breaker; returns how many."""
    over_ms = _ms(PATIENCE)
    overdue = await claim_rows.find_overdue(tx, over_ms=over_ms, most=TOGETHER)
    if not overdue:
        return 0
    fault = GiveUp(
        f"The delivery was due for {PATIENCE.days} days, and its destination did not answer.", kind="timeout"
    )
    orders = await _lock_orders(tx, overdue)
    dead_ids = await delivery_rows.dead_letter(
        tx, sorted(one.id for one in overdue), over_ms=over_ms, error=fault.reason
    )
    for one in overdue:
        if one.id not in dead_ids:
            continue
        if one.id in orders:
            await updates.record_refusal(ctx, tx, orders[one.id], fault)
            await update_rows.release_next_update(tx, str(one.order_id))
        await _dead_letter(ctx, tx, one, fault)
    return len(dead_ids)


async def _move_on(
    ctx: Context, tx: Tx, ended: Sequence[FinishedAttempt], orders: Mapping[str, Order]
) -> tuple[list[Next | None], Mapping[str, str | None]]:
    """
    Writes each delivery's new state and returns it; None if its lease has passed to another worker.

    Also returns the providers of orders that were brought to a webhook for the first time, by delivery.
    """
    following = [_after(ctx, one, orders.get(one.claimed.id)) for one in ended]
    # of several deliveries of an order in this batch, one counts
    bringing = {
        one.claimed.event_id: one.claimed.id
        for one, after in zip(ended, following, strict=True)
        if after.state == "delivered" and is_order_created(one.claimed.event_name)
    }
    held = await delivery_rows.complete(
        tx,
        [
            (
                one.claimed.id,
                one.claimed.lease,
                after.state,
                _ms(after.wait),
                one.fault.reason if one.fault else None,
                after.nudge_count,
                int(bringing.get(one.claimed.event_id) == one.claimed.id),
            )
            for one, after in zip(ended, following, strict=True)
        ],
    )
    # if a batch has two attempts at one delivery, only the newer one holds the delivery's lease
    newest = {one.claimed.id: one.claimed.lease for one in sorted(ended, key=lambda one: one.claimed.attempt)}
    left = [
        after if one.claimed.id in held and one.claimed.lease == newest[one.claimed.id] else None
        for one, after in zip(ended, following, strict=True)
    ]
    return left, held


def _notified(ended: FinishedAttempt, providers: Mapping[str, str | None], now: datetime) -> tuple[Reached, ...]:
    provider = providers.get(ended.claimed.id)
    return (Reached("notified", provider, now - ended.claimed.created_at),) if provider else ()


def _after(ctx: Context, ended: FinishedAttempt, order: Order | None) -> Next:
    claimed = ended.claimed
    following = after_attempt(claimed.lane, claimed.step, ended.fault, chance=ctx.chance())
    if order is None or ended.nudging is None:
        return following
    return nudge_until_read(
        following, claimed.nudge_count, ended.nudging.waits, asked=order.delivery == "acknowledged", chance=ctx.chance()
    )


def _ms(span: timedelta | None) -> int:
    return int(span.total_seconds() * 1000) if span else 0


async def _lock_orders(tx: Tx, claimed: Sequence[Claimed]) -> dict[str, Order]:
    """
    Locks the orders of deliveries to an ATS, and returns them by delivery.

    Orders are always locked before their deliveries, which avoids deadlocks.
    """
    to_ats = sorted((one for one in claimed if one.lane == "ats"), key=lambda one: str(one.order_id))
    found = {}
    for one in to_ats:
        order = await order_rows.find_of_account(tx, str(one.account_id), str(one.order_id), lock=True)
        if order is not None:
            found[one.id] = order
    return found


async def _dead_letter(ctx: Context, tx: Tx, claimed: Claimed, fault: RemoteError) -> None:
    """Adds an alert for a dead-lettered delivery to its order's timeline and publishes an event."""
    if claimed.lane == "vendor" and claimed.order_id is not None:
        alert = DELIVERY_FAILED.format(webhook=claimed.destination_id, reason=fault.reason)
        await order_log_rows.add(tx, ctx.new_id("log"), claimed.order_id, "alert", alert)
    if isinstance(fault, GiveUp) and fault.gone:
        await _disable(ctx, tx, claimed)
    await alerts.publish_dead_letter(ctx, tx, claimed, fault.reason)


async def _disable(ctx: Context, tx: Tx, claimed: Claimed) -> None:
    """Disables a webhook that answered 410 Gone, and holds its waiting deliveries."""
    webhook = await webhook_rows.find(tx, claimed.project_id, claimed.destination_id)
    if webhook is None or not webhook.enabled:
        return
    webhook = replace(webhook, enabled=False, disabled_reason="it answered 410 Gone", updated_at=ctx.now())
    await webhook_rows.save(tx, webhook)
    await delivery_rows.change_state(tx, webhook.id, old="pending", new="held", most=TOGETHER)
    await alerts.publish_disabled(ctx, tx, webhook)


@snapshot
async def get(_: Context, tx: Tx, project_id: str, delivery_id: str) -> Delivery:
    """
    Returns a project's delivery with its attempts.

    Raises:
        NotFound: the delivery does not exist or is another project's.
    """
    return await _read(tx, project_id, delivery_id)


@snapshot
async def list_deliveries(
    _: Context, tx: Tx, project_id: str, filters: Mapping[str, str | None], *, before: str | None, limit: int
) -> list[Delivery]:
    """
    Lists a project's deliveries with their attempts, newest first.

    See `store.deliveries.list_deliveries` for the filters.
    """
    rows = await delivery_rows.list_deliveries(tx, project_id, filters, before=before, limit=limit)
    return await with_attempts(tx, project_id, rows)


@transaction(queues=True)
async def retry(ctx: Context, tx: Tx, project_id: str, delivery_id: str) -> Delivery:
    """
    Makes a delivery due now in any state; its retry schedule starts anew, its event id stays.

    Raises:
        NotFound: the delivery does not exist or is another project's.
        Conflict: an attempt is in flight, no webhook subscribes to the event, or the order's content was erased.
    """
    found = await _read(tx, project_id, delivery_id)
    if found.lane == "ats":
        await _refuse_superseded(tx, project_id, found)
    due = await delivery_rows.make_due(tx, delivery_id)
    delivery = await _read(tx, project_id, delivery_id)
    if delivery.erased_at is not None:
        when = stamp(delivery.erased_at)
        raise Conflict(f"The delivery's content was erased at {when}: there is nothing to send.", code="ContentErased")
    if delivery.destination_id == project_id:
        raise Conflict(
            f"No webhook subscribes to {delivery.event_name}, so the event is held. Create, enable or change a webhook "
            "that does, and it is sent.",
            code="NoWebhook",
        )
    if not due:
        raise Conflict(
            "An attempt at this delivery is in flight, so it is not retried. Check its result in a few seconds.",
            code="DeliveryInFlight",
        )
    await audit.record(ctx, tx, "delivery.retried", delivery_id, project_id=project_id)
    return delivery


async def _refuse_superseded(tx: Tx, project_id: str, delivery: Delivery) -> None:
    """
    Checks that a delivery has the newest update of its order for the ATS: an older one must not follow a newer one.

    Raises:
        Conflict: there is a newer one, or this one is held until an earlier one has ended.
    """
    await order_rows.find_of_account(tx, str(delivery.account_id), str(delivery.order_id), lock=True)
    if await update_rows.has_newer_update(tx, str(delivery.order_id), delivery.id):
        raise Conflict(
            "The order has a newer update for its ATS, which replaces this one. Retry the newest delivery instead.",
            code="UpdateSuperseded",
        )
    if (await _read(tx, project_id, delivery.id)).state == "held":
        raise Conflict(
            "An earlier update of this order is on its way to the ATS; this one follows by itself.",
            code="UpdateWaits",
        )


async def _read(tx: Tx, project_id: str, delivery_id: str) -> Delivery:
    row = await delivery_rows.find(tx, project_id, delivery_id)
    if row is None:
        raise NotFound(f"No delivery {delivery_id} in this project.")
    return (await with_attempts(tx, project_id, [row]))[0]


async def with_attempts(tx: Tx, project_id: str, rows: Sequence[Row]) -> list[Delivery]:
    """Returns deliveries from their rows, with their attempts, inside another service's transaction."""
    by_delivery: dict[str, list[Attempt]] = {row["id"]: [] for row in rows}
    for row in await delivery_rows.list_attempts(tx, project_id, list(by_delivery)):
        by_delivery[row["delivery_id"]].append(attempts.read(row))
    return [read_delivery(row, tuple(by_delivery[row["id"]])) for row in rows]


def read_delivery(row: Row, attempts: tuple[Attempt, ...] = ()) -> Delivery:
    """Returns a delivery from its row."""
    in_flight = row["lease"] is not None and row["state"] == "pending"
    return Delivery(
        id=row["id"],
        event_id=row["event_id"],
        event_name=row["event_name"],
        order_id=row["order_id"],
        account_id=row["account_id"],
        lane=row["lane"],
        destination_id=row["destination_id"],
        state=row["state"],
        in_flight=in_flight,
        attempts_made=row["attempts"],
        due_at=from_ms(row["due_at"]) if row["state"] == "pending" and not in_flight else None,
        last_error=row["last_error"],
        erased_at=maybe_from_ms(row["expunged_at"]),
        created_at=from_ms(row["created_at"]),
        updated_at=from_ms(row["updated_at"]),
        attempts=attempts,
    )

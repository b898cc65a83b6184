"""Orders and deliveries with their attempts, as pages show them, and the repetitions that people ask for there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, NotFound
from greenroom.model.accounts import Account
from greenroom.model.deliveries import Lane
from greenroom.model.events import body
from greenroom.model.order_sentences import Leg, Waiting
from greenroom.model.orders import Order
from greenroom.model.request_logs import Entry
from greenroom.security import masks
from greenroom.security.signatures import webhook_headers
from greenroom.services import accounts, audit, breakers, deliveries, request_logs, signed_webhooks, timelines
from greenroom.services.breakers import Condition
from greenroom.services.deliveries import Delivery
from greenroom.services.timelines import TimelineEntry
from greenroom.store import deliveries as delivery_rows
from greenroom.store import orders as order_rows
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Row, Tx

#: deliveries that an order's page shows
MOST_OF_ORDER = 20
#: refused requests that an order's page shows
MOST_REFUSED = 10
#: deliveries that are sent again at once
MOST_AT_ONCE = 100
HEALTHY = Condition()
#: time after which a due delivery waits for a slot
SOON = timedelta(seconds=2)


@dataclass(frozen=True)
class Sent:
    """
    A delivery with the body that it sends (None to an ATS or once erased), and its webhook's name and URL.

    `condition` is the health of its destination at `read_at`, if the delivery is pending. `last_status` is the answer
    to its latest attempt.
    """

    delivery: Delivery
    body: str | None
    webhook_name: str | None
    webhook_url: str | None
    condition: Condition = HEALTHY
    read_at: datetime | None = None
    last_status: int | None = None

    @property
    def leg(self) -> Leg:
        """Returns the facts of the delivery for the order's sentence."""
        one = self.delivery
        until = self.condition.open_until
        due_at = max(one.due_at, until) if one.due_at and until else one.due_at
        return Leg(one.lane, one.state, one.attempts_made, due_at, one.last_error, self._waits(), self.last_status)

    def _waits(self) -> Waiting | None:
        one = self.delivery
        if one.state != "pending" or one.in_flight or one.due_at is None or self.read_at is None:
            return None
        if self.condition.open_until is not None:
            return "breaker" if self.condition.consecutive_failures else "pause"
        return "slot" if one.due_at < self.read_at - SOON else None


@dataclass(frozen=True)
class Flight:
    """
    An order with its account (None once deleted), its deliveries and a page of its timeline.

    `refused` are the newest requests about the order that were refused, if their bodies are kept.
    """

    order: Order
    account: Account | None
    sent: Sequence[Sent]
    entries: Sequence[TimelineEntry]
    refused: Sequence[Entry] = ()


@dataclass(frozen=True)
class SignedRequest:
    """A webhook request that was signed now."""

    url: str
    headers: Mapping[str, str]
    body: str


@snapshot
async def get(ctx: Context, tx: Tx, project_id: str, order_id: str, *, after: str | None, limit: int) -> Flight:
    """
    Returns an order with everything that its page shows.

    Raises:
        NotFound: the order is not the project's.
        BadRequest: `after` is not a position of a timeline.
    """
    order = await order_rows.find(tx, project_id, order_id)
    if order is None:
        raise NotFound(f"No order {order_id[:80]} here.")
    sent = [_sent(row) for row in await delivery_rows.list_of_order(tx, project_id, order_id, limit=MOST_OF_ORDER)]
    waiting = sorted({one.delivery.destination_id for one in sent if one.delivery.state == "pending"})
    conditions, now = await breakers.read_conditions(tx, waiting), ctx.now()
    return Flight(
        order,
        await _account(tx, order),
        [replace(one, condition=conditions.get(one.delivery.destination_id, Condition()), read_at=now) for one in sent],
        await timelines.read_entries(tx, project_id, order_id, after=after, limit=limit),
        await request_logs.read_refused(ctx, tx, project_id, order_id, limit=MOST_REFUSED),
    )


@snapshot
async def get_delivery(_: Context, tx: Tx, project_id: str, delivery_id: str) -> Sent:
    """
    Returns a delivery with its attempts and its body.

    Raises:
        NotFound: the delivery is not the project's.
    """
    row = await _find(tx, project_id, delivery_id)
    delivery = (await deliveries.with_attempts(tx, project_id, [row]))[0]
    return _sent(row, delivery)


@snapshot
async def list_deliveries(
    _: Context, tx: Tx, project_id: str, filters: Mapping[str, str | None], *, before: str | None, limit: int
) -> list[Delivery]:
    """Lists deliveries as `deliveries.list_deliveries` does, without their attempts."""
    rows = await delivery_rows.list_deliveries(tx, project_id, filters, before=before, limit=limit)
    return [deliveries.read_delivery(row) for row in rows]


@snapshot
async def sign_again(ctx: Context, tx: Tx, project_id: str, delivery_id: str) -> SignedRequest:
    """
    Returns a webhook delivery's request, signed now, for a developer who repeats it by hand.

    Raises:
        NotFound: the delivery is not the project's.
        Conflict: it is not for a webhook, or its content was erased.
    """
    row = await _find(tx, project_id, delivery_id)
    sent = _sent(row)
    if row["lane"] != "vendor" or row["webhook_url"] is None or sent.body is None:
        raise Conflict("Only a delivery to a webhook whose content is kept has a signed request.")
    destination = await webhook_rows.list_with_secrets(tx, [row["destination_id"]])
    _, secrets, custom = signed_webhooks.opened(ctx, *destination[0])
    headers = webhook_headers(
        event_id=row["event_id"], sent_at=int(ctx.now().timestamp()), body=sent.body.encode(), secrets=secrets
    )
    shown = {"content-type": "application/json", **masks.headers({}, secret=custom), **headers}
    return SignedRequest(row["webhook_url"], shown, sent.body)


@transaction(queues=True)
async def retry_shown(ctx: Context, tx: Tx, project_id: str, delivery_ids: Sequence[str]) -> int:
    """
    Makes deliveries due now; returns their number.

    Left out are those of other projects, those in flight, those without content, and those that no webhook takes.
    """
    due = 0
    for delivery_id in sorted(set(delivery_ids[:MOST_AT_ONCE])):
        if await delivery_rows.find(tx, project_id, delivery_id) is not None:
            due += await _retry(ctx, tx, project_id, delivery_id)
    return due


@transaction(queues=True)
async def retry_order(ctx: Context, tx: Tx, project_id: str, order_id: str, lane: Lane) -> int:
    """Makes an order's deliveries of a lane due now; returns their number."""
    rows = await delivery_rows.list_deliveries(
        tx, project_id, {"order_id": order_id, "lane": lane}, before=None, limit=MOST_OF_ORDER
    )
    return sum([await _retry(ctx, tx, project_id, row["id"]) for row in sorted(rows, key=lambda row: str(row["id"]))])


@transaction(queues=True)
async def resend_notifications(ctx: Context, tx: Tx, project_id: str, order_ids: Sequence[str]) -> int:
    """
    Makes the deliveries to webhooks of several orders due now; returns the number of orders for which there was one.

    Left out are orders of other projects, those without content, and those whose deliveries are in flight or that no
    webhook takes.
    """
    sent = 0
    for order_id in sorted(set(order_ids[:MOST_AT_ONCE])):
        rows = await delivery_rows.list_deliveries(
            tx, project_id, {"order_id": order_id, "lane": "vendor"}, before=None, limit=MOST_OF_ORDER
        )
        ids = sorted(str(row["id"]) for row in rows)
        sent += any([await _retry(ctx, tx, project_id, delivery_id) for delivery_id in ids])
    return sent


async def _retry(ctx: Context, tx: Tx, project_id: str, delivery_id: str) -> bool:
    if not await delivery_rows.make_due(tx, delivery_id):
        return False
    await audit.record(ctx, tx, "delivery.retried", delivery_id, project_id=project_id)
    return True


async def _account(tx: Tx, order: Order) -> Account | None:
    try:
        return await accounts.read(tx, order.project_id, order.account_id)
    except NotFound:
        return None


async def _find(tx: Tx, project_id: str, delivery_id: str) -> Row:
    row = await delivery_rows.find_with_payload(tx, project_id, delivery_id)
    if row is None:
        raise NotFound(f"No delivery {delivery_id[:80]} in this project.")
    return row


def _sent(row: Row, delivery: Delivery | None = None) -> Sent:
    payload: Any = row["payload"]
    has_body = row["lane"] == "vendor" and row["expunged_at"] is None and payload and json.loads(payload)
    return Sent(
        delivery or deliveries.read_delivery(row),
        body(payload, row["event_name"]).decode() if has_body else None,
        row["webhook_name"],
        row["webhook_url"],
        last_status=row["last_status"],
    )

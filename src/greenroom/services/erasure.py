"""Erasure of an order's content, which is all personal data of the candidate."""

from __future__ import annotations

from greenroom.context import Context, transaction
from greenroom.errors import Conflict, NotFound
from greenroom.model.orders import Order
from greenroom.services import audit
from greenroom.store import deliveries as delivery_rows
from greenroom.store import events as event_rows
from greenroom.store import idempotency as key_rows
from greenroom.store import orders as order_rows
from greenroom.store import request_logs as log_rows
from greenroom.store.db import Tx, to_ms

#: longest duration of an in-flight attempt in seconds, given as `retry_after`
SOON_S = 15


@transaction
async def erase(ctx: Context, tx: Tx, project_id: str, order_id: str) -> Order:
    """
    Erases an order's content everywhere at once, and cancels its waiting deliveries.

    Kept are ids, the ATS's key, status, outcome, times, and of each attempt all but the request and the answer. An
    order whose content was erased before stays as it is.

    Raises:
        NotFound: the order is not the project's.
        Conflict: an attempt is in flight; nothing was erased.
    """
    found = await order_rows.find(tx, project_id, order_id)
    order = found and await order_rows.find_of_account(tx, found.account_id, order_id, lock=True)
    if order is None:
        raise NotFound(f"No order {order_id[:80]} here.")
    if order.erased_at is not None:
        return order
    if await delivery_rows.in_flight(tx, order.id):
        raise Conflict(
            "A delivery attempt for this order is in flight, so nothing was erased. Try again within a minute.",
            code="DeliveryInFlight",
            retry_after=SOON_S,
        )
    now = ctx.now()
    erased = order.erased(now=now)
    await order_rows.erase(tx, erased)
    await order_rows.erase_response_errors(tx, order.account_id, order.id, order.request.candidate.email)
    await event_rows.erase(tx, order.id)
    await delivery_rows.erase(tx, order.id, at=to_ms(now))
    await log_rows.erase(tx, project_id, order.id)
    await key_rows.erase(tx, project_id, order.id)
    message = "Content erased: the candidate, the request, the result, and the contents of deliveries and logs."
    await order_rows.log(tx, ctx.new_id("log"), order.id, "content_erased", message)
    await audit.record(ctx, tx, "order.content_erased", order.id, project_id=project_id)
    return erased
